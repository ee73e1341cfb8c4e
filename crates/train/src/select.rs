//! What of a module is trained: everything, or what regular expressions over module paths name.
//!
//! For training without adapters: all of a model, its norms only, its embeddings only. What is not
//! chosen is frozen, and costs no gradient and no optimiser state.

use std::collections::BTreeMap;
use std::fmt;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};
use crate::parameters::{Names, TrainedParameter, list};
use crate::pattern::PathPattern;

/// Which parameters are trained. In a file: `"all"`, one regular expression, or a list of them.
///
/// An expression must match the whole module path. What a model calls its norms and embeddings is
/// the model's affair: for Hugging Face's names, `.*norm\.weight` and `.*embed_tokens\.weight`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub enum Selection {
    /// Every parameter.
    #[default]
    All,
    /// The parameters that at least one expression matches.
    Matching(Vec<String>),
}

/// How a file says it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    One(String),
    Several(Vec<String>),
}

const ALL: &str = "all";

impl From<Form> for Selection {
    fn from(form: Form) -> Self {
        match form {
            Form::One(one) if one == ALL => Self::All,
            Form::One(one) => Self::Matching(vec![one]),
            Form::Several(several) => Self::Matching(several),
        }
    }
}

impl From<Selection> for Form {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::All => Self::One(ALL.into()),
            Selection::Matching(patterns) => Self::Several(patterns),
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::Matching(patterns) => write!(f, "{patterns:?}"),
        }
    }
}

impl Selection {
    /// What these expressions match.
    pub fn matching<S: Into<String>>(patterns: impl IntoIterator<Item = S>) -> Self {
        Self::Matching(patterns.into_iter().map(Into::into).collect())
    }

    /// Chooses among a module's parameters.
    fn choose(&self, parameters: &[TrainedParameter]) -> Result<BTreeMap<String, bool>> {
        let patterns: Vec<PathPattern> = match self {
            Self::All => vec![PathPattern::new("train", "(?s).*")?],
            Self::Matching(patterns) => {
                let compile = |pattern: &String| PathPattern::new("train", pattern);
                patterns.iter().map(compile).collect::<Result<_>>()?
            }
        };
        let mut matched = vec![false; patterns.len()];
        let mut chosen = BTreeMap::new();
        for parameter in parameters {
            let mut any = false;
            for (pattern, matched) in patterns.iter().zip(&mut matched) {
                if pattern.matches(&parameter.path)? {
                    (any, *matched) = (true, true);
                }
            }
            if any && matches!(parameter.dtype, DType::QFloat(_)) {
                return Err(TrainError::NotTrainable {
                    path: parameter.path.clone(),
                    dtype: parameter.dtype.name().to_owned(),
                });
            }
            chosen.insert(parameter.path.clone(), any);
        }
        if !chosen.values().any(|chosen| *chosen) {
            return Err(TrainError::NothingSelected {
                selection: self.to_string(),
                parameters: parameters.len(),
            });
        }
        match patterns.iter().zip(matched).find(|(_, matched)| !matched) {
            Some((pattern, _)) => {
                Err(pattern.unmatched(parameters.iter().map(|p| p.path.as_str())))
            }
            None => Ok(chosen),
        }
    }
}

/// What [`select`] chose; tied parameters count once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selected {
    /// The paths of the trained parameters, in the module's order.
    pub paths: Vec<String>,
    /// Numbers in the trained parameters.
    pub trained_values: u64,
    /// Numbers in all parameters.
    pub all_values: u64,
}

impl fmt::Display for Selected {
    /// `trains 3 tensors, 1,040 of 90,112 values (1.15 %)`, without the commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trained, all) = (self.trained_values, self.all_values);
        let percent = 100.0 * trained as f64 / all.max(1) as f64;
        let tensors = self.paths.len();
        write!(
            f,
            "trains {tensors} tensors, {trained} of {all} values ({percent:.2} %)"
        )
    }
}

/// Lets the chosen parameters require a gradient and freezes all others.
///
/// A parameter that appears at several places (tied weights) has the path of its first one, and is
/// chosen or frozen at all of them. On an autodiff device the values keep their
/// gradient-checkpointing strategy. Choose half-precision parameters with care: small updates vanish
/// in them.
///
/// # Errors
/// - [`TrainError::Pattern`]: an expression that does not compile
/// - [`TrainError::UnmatchedPattern`]: one that matches nothing, while others do
/// - [`TrainError::NothingSelected`]: nothing is chosen at all
/// - [`TrainError::NotTrainable`]: a chosen parameter is quantised
///
/// # Example
/// ```
/// use anneal_train::{Selection, select, trained_parameters};
/// use burn::nn::LinearConfig;
///
/// let linear = LinearConfig::new(3, 2).init(&anneal_testkit::device().autodiff());
/// let (linear, selected) = select(linear, &Selection::matching(["bias"])).unwrap();
/// assert_eq!(selected.to_string(), "trains 1 tensors, 2 of 8 values (25.00 %)");
/// assert_eq!(trained_parameters(&linear)[0].path, "bias");
///
/// let error = select(linear, &Selection::matching(["Bias"])).unwrap_err();
/// assert_eq!(error.to_string(), r#"nothing is chosen to be trained: ["Bias"] of 2 parameters"#);
/// ```
pub fn select<M: Module>(module: M, selection: &Selection) -> Result<(M, Selected)> {
    let parameters = list(&module, false);
    let chosen = selection.choose(&parameters)?;
    let values = |trained_only: bool| -> u64 {
        let counted = parameters
            .iter()
            .filter(|p| !trained_only || chosen[&p.path]);
        counted
            .map(|p| p.shape.iter().product::<usize>() as u64)
            .sum()
    };
    let selected = Selected {
        paths: parameters
            .iter()
            .filter(|p| chosen[&p.path])
            .map(|p| p.path.clone())
            .collect(),
        trained_values: values(true),
        all_values: values(false),
    };
    let module = module.map(&mut Apply {
        names: Names::default(),
        chosen,
    });
    Ok((module, selected))
}

struct Apply {
    names: Names,
    chosen: BTreeMap<String, bool>,
}

impl ModuleMapper for Apply {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.names.enter(name);
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.names.exit();
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.names.of(param.id);
        let chosen = self.chosen.get(&path).copied().unwrap_or(false);
        param.set_require_grad(chosen)
    }
}
