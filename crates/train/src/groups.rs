//! Parameters with a learning rate or a weight decay of their own, chosen by module path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::parameters::TrainedParameter;
use crate::pattern::PathPattern;
use crate::range::{Range, check};

/// Parameters whose whole module path a regular expression matches, and what is theirs.
///
/// The first group that matches a parameter holds it; a parameter of no group has the optimiser's
/// settings. Parameters of one dimension are never decayed, whatever a group says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroup {
    /// A regular expression for the whole path, as in `.*\.lora\.b`.
    pub pattern: String,
    /// The learning rate as a multiple of the optimiser's, 1.
    #[serde(default = "one")]
    pub learning_rate_ratio: f64,
    /// Weight decay in place of the optimiser's own; none keeps that.
    #[serde(default)]
    pub weight_decay: Option<f64>,
    /// Whether the pattern may match no trained parameter. It is an error otherwise: the group would
    /// have no effect, and a misspelt name would not be seen.
    #[serde(default)]
    pub optional: bool,
}

fn one() -> f64 {
    1.0
}

impl ParameterGroup {
    /// A group that changes nothing yet.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            learning_rate_ratio: one(),
            weight_decay: None,
            optional: false,
        }
    }

    /// A group without weight decay: norms and embeddings that are matrices, say.
    pub fn no_decay(pattern: impl Into<String>) -> Self {
        Self {
            weight_decay: Some(0.0),
            ..Self::new(pattern)
        }
    }

    /// The same with this multiple of the learning rate.
    pub fn with_learning_rate_ratio(self, learning_rate_ratio: f64) -> Self {
        Self {
            learning_rate_ratio,
            ..self
        }
    }

    /// The same, and it may match nothing.
    pub fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

/// LoRA+ (Hayou, Ghosh and Yu, 2024, arXiv 2402.12354): `B` learns faster than `A`.
///
/// Compared against `create_loraplus_optimizer` of PEFT 0.21 (`optimizers/loraplus.py`), with one
/// difference: there a vector that is no bias and no `LayerNorm`'s is decayed, here no vector is.
///
/// # Example
/// ```
/// use anneal_train::LoraPlus;
///
/// let groups = LoraPlus::new(16.0).groups(1e-4).unwrap();
/// let rates: Vec<f64> = groups.iter().map(|g| 1e-4 * g.learning_rate_ratio).collect();
/// assert_eq!(rates, [1e-6, 16e-4, 16e-4]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraPlus {
    /// The learning rate of `B` by that of `A`, 16 (the paper's advice); at least 1.
    pub ratio: f64,
    /// The learning rate of an embedding's adapters, 1e-6.
    pub embedding_learning_rate: f64,
    /// Which parameters are an embedding's adapters: `A` and `B` below `embed_tokens`, but not those
    /// of an output head that is the embedding, and not DoRA's magnitude.
    pub embeddings: String,
    /// Which parameters learn at `B`'s rate beside vectors of VeRA and biases: `b` and `magnitude`
    /// of what is called `lora`, in any case.
    pub b: String,
}

impl Default for LoraPlus {
    fn default() -> Self {
        Self {
            ratio: 16.0,
            embedding_learning_rate: 1e-6,
            embeddings: r".*\bembed_tokens(\.weight\.adapters\.[^.]+)?\.(?i:lora)\.(a|b)".into(),
            b: r"(.*\.)?(?i:lora)\.(b|magnitude)".into(),
        }
    }
}

impl LoraPlus {
    /// PEFT's rules with this ratio.
    pub fn new(ratio: f64) -> Self {
        Self {
            ratio,
            ..Self::default()
        }
    }

    /// The groups for an optimiser with this peak learning rate, which `A` has.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) where the ratio is below
    /// 1, the embeddings' rate negative or the learning rate not positive.
    pub fn groups(&self, learning_rate: f64) -> Result<Vec<ParameterGroup>> {
        check([
            ("learning_rate", learning_rate, Range::Positive),
            ("loraplus ratio", self.ratio, Range::AtLeastOne),
            (
                "loraplus embedding_learning_rate",
                self.embedding_learning_rate,
                Range::NotNegative,
            ),
        ])?;
        let embeddings = self.embedding_learning_rate / learning_rate;
        Ok(vec![
            ParameterGroup::new(&self.embeddings)
                .with_learning_rate_ratio(embeddings)
                .optional(),
            ParameterGroup::new(&self.b).with_learning_rate_ratio(self.ratio),
            ParameterGroup::no_decay(r"(.*\.)?(Vera\.lambda_[bd]|bias(\..*)?)")
                .with_learning_rate_ratio(self.ratio)
                .optional(),
        ])
    }
}

/// What a trained parameter is updated with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assignment {
    /// The group that holds it, from 0, if one does.
    pub group: Option<usize>,
    /// The learning rate as a multiple of the optimiser's.
    pub learning_rate_ratio: f64,
    /// Weight decay in place of the optimiser's own.
    pub weight_decay: Option<f64>,
}

/// Says for each trained parameter, by path, which group holds it and what it is updated with.
///
/// # Errors
/// [`TrainError::Pattern`](crate::TrainError::Pattern), or
/// [`TrainError::UnmatchedPattern`](crate::TrainError::UnmatchedPattern) for a group that is not
/// optional and whose pattern matches none of `parameters`;
/// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) for a negative ratio or decay.
///
/// # Example
/// ```
/// use anneal_train::{ParameterGroup, assign_groups, trained_parameters};
/// use burn::nn::LinearConfig;
///
/// let linear = LinearConfig::new(3, 2).init(&anneal_testkit::device().autodiff());
/// let groups = [ParameterGroup::new("w.*").with_learning_rate_ratio(0.5)];
/// let assigned = assign_groups(&groups, &trained_parameters(&linear)).unwrap();
/// assert_eq!(assigned["weight"].learning_rate_ratio, 0.5);
/// // A vector is never decayed.
/// assert_eq!((assigned["bias"].group, assigned["bias"].weight_decay), (None, Some(0.0)));
///
/// let misspelt = [ParameterGroup::new(".*lora_B.*")];
/// let error = assign_groups(&misspelt, &trained_parameters(&linear)).unwrap_err();
/// assert!(error.to_string().contains("there are `weight`, `bias`"), "{error}");
/// ```
pub fn assign_groups(
    groups: &[ParameterGroup],
    parameters: &[TrainedParameter],
) -> Result<BTreeMap<String, Assignment>> {
    Groups::new(groups)?.assign(parameters)
}

/// Groups whose patterns are compiled.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    groups: Vec<(PathPattern, ParameterGroup)>,
}

impl Groups {
    pub(crate) fn new(groups: &[ParameterGroup]) -> Result<Self> {
        let compile = |group: &ParameterGroup| {
            check([
                (
                    "learning_rate_ratio",
                    group.learning_rate_ratio,
                    Range::NotNegative,
                ),
                (
                    "weight_decay",
                    group.weight_decay.unwrap_or(0.0),
                    Range::NotNegative,
                ),
            ])?;
            let pattern = PathPattern::new("groups", &group.pattern)?;
            Ok((pattern, group.clone()))
        };
        Ok(Self {
            groups: groups.iter().map(compile).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn assign(
        &self,
        parameters: &[TrainedParameter],
    ) -> Result<BTreeMap<String, Assignment>> {
        let mut matched = vec![false; self.groups.len()];
        let mut assigned = BTreeMap::new();
        for parameter in parameters {
            let mut first = None;
            for (index, (pattern, _)) in self.groups.iter().enumerate() {
                if pattern.matches(&parameter.path)? {
                    matched[index] = true;
                    first = first.or(Some(index));
                }
            }
            let group = first.map(|index| &self.groups[index].1);
            let weight_decay = group.and_then(|group| group.weight_decay);
            let assignment = Assignment {
                group: first,
                learning_rate_ratio: group.map_or(1.0, |group| group.learning_rate_ratio),
                weight_decay: if parameter.shape.len() < 2 {
                    Some(0.0)
                } else {
                    weight_decay
                },
            };
            assigned.insert(parameter.path.clone(), assignment);
        }
        let unmatched = self.groups.iter().zip(matched);
        for ((pattern, group), matched) in unmatched {
            if !matched && !group.optional {
                return Err(pattern.unmatched(parameters.iter().map(|p| p.path.as_str())));
            }
        }
        Ok(assigned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::DType;

    fn parameters(paths: &[(&str, usize)]) -> Vec<TrainedParameter> {
        let parameter = |&(path, rank): &(&str, usize)| TrainedParameter {
            path: path.into(),
            shape: vec![3; rank],
            dtype: DType::F32,
        };
        paths.iter().map(parameter).collect()
    }

    #[test]
    fn the_first_match_wins() {
        let groups = [
            ParameterGroup::no_decay(".*norm.*"),
            ParameterGroup {
                weight_decay: Some(0.5),
                ..ParameterGroup::new(".*")
            }
            .with_learning_rate_ratio(3.0),
        ];
        let parameters = parameters(&[("norm.weight", 2), ("up.weight", 2), ("up.bias", 1)]);
        let assigned = assign_groups(&groups, &parameters).unwrap();
        let of = |path: &str| {
            let a = assigned[path];
            (a.group, a.learning_rate_ratio, a.weight_decay)
        };
        assert_eq!(of("norm.weight"), (Some(0), 1.0, Some(0.0)));
        assert_eq!(of("up.weight"), (Some(1), 3.0, Some(0.5)));
        assert_eq!(of("up.bias"), (Some(1), 3.0, Some(0.0)));
    }

    #[test]
    fn lora_plus_finds_anneals_adapters() {
        let proj = "model.layers.0.self_attn.q_proj.weight.adapters.default.Lora";
        let embed = "model.embed_tokens.weight.adapters.default.Lora";
        let head = "model.embed_tokens.weight.adapters.default.head.Lora";
        let bias = "model.layers.0.q_proj.bias.adapters.default.Replacement.value";
        let paths = [
            (format!("{proj}.a"), 2),
            (format!("{proj}.b"), 2),
            (format!("{proj}.magnitude"), 1),
            (format!("{embed}.a"), 2),
            (format!("{embed}.b"), 2),
            (format!("{embed}.magnitude"), 1),
            (format!("{head}.a"), 2),
            (format!("{head}.b"), 2),
            (bias.to_owned(), 2),
            ("model.norm.weight".to_owned(), 1),
        ];
        let paths: Vec<(&str, usize)> = paths.iter().map(|(p, n)| (p.as_str(), *n)).collect();
        let groups = LoraPlus::new(8.0).groups(1e-3).unwrap();
        let assigned = assign_groups(&groups, &parameters(&paths)).unwrap();
        let found: Vec<_> = paths
            .iter()
            .map(|(path, _)| {
                let a = assigned[*path];
                (a.group, a.weight_decay)
            })
            .collect();
        assert_eq!(
            found,
            [
                (None, None),
                (Some(1), None),
                (Some(1), Some(0.0)),
                (Some(0), None),
                (Some(0), None),
                (Some(1), Some(0.0)),
                (None, None),
                (Some(1), None),
                (Some(2), Some(0.0)),
                (None, Some(0.0)),
            ]
        );
    }

    #[test]
    fn lora_plus_without_a_b_to_speed_up_is_an_error() {
        let groups = LoraPlus::new(4.0).groups(1e-3).unwrap();
        let error = assign_groups(&groups, &parameters(&[("up.weight", 2)])).unwrap_err();
        assert!(
            error.to_string().contains("there are `up.weight`"),
            "{error}"
        );
        let error = LoraPlus::new(0.5).groups(1e-3).unwrap_err().to_string();
        assert_eq!(error, "`loraplus ratio` must be at least 1, got 0.5");
    }

    #[test]
    fn bad_groups_are_named() {
        let error = |group| assign_groups(&[group], &[]).unwrap_err().to_string();
        let negative = ParameterGroup::new(".*").with_learning_rate_ratio(-1.0);
        assert_eq!(
            error(negative),
            "`learning_rate_ratio` must be finite and not negative, got -1"
        );
        assert!(error(ParameterGroup::new("a[")).starts_with("`groups` holds \"a[\""));
        let json = r#"{ "pattern": ".*", "learning_rate": 3 }"#;
        assert!(serde_json::from_str::<ParameterGroup>(json).is_err());
    }
}
