//! Turns a source of tensors into parameters, and collects what does not fit.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{Problem, TensorSource};
use crate::{LlamaError, Precision};

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// Hands out frozen parameters one by one; [`Builder::finish`] says whether
/// all of them were real.
pub(crate) struct Builder<'a> {
    source: &'a mut dyn TensorSource,
    device: Device,
    dtype: DType,
    used: BTreeSet<String>,
    problems: Vec<Problem>,
    /// How many of the problems are missing tensors.
    missing: usize,
    failure: Option<LlamaError>,
    /// Of all tensors, from the first problem on.
    shapes: Option<BTreeMap<String, Vec<usize>>>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        source: &'a mut dyn TensorSource,
        precision: Precision,
        device: &Device,
    ) -> Self {
        Self {
            source,
            device: device.clone(),
            dtype: precision.dtype(),
            used: BTreeSet::new(),
            problems: Vec::new(),
            missing: 0,
            failure: None,
            shapes: None,
        }
    }

    /// A parameter vector.
    pub(crate) fn vector(&mut self, name: &str, size: usize) -> Param<Tensor<1>> {
        frozen(self.tensor(name, [size]))
    }

    /// A parameter matrix in the file's own layout.
    pub(crate) fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Param<Tensor<2>> {
        frozen(self.tensor(name, [rows, columns]))
    }

    /// A linear layer. The files hold `[out, in]`; burn's weight is `[in, out]`,
    /// here a transposed view of the same memory.
    pub(crate) fn linear(&mut self, path: &str, from: usize, to: usize, bias: bool) -> Linear {
        let weight = self
            .tensor(&format!("{path}.weight"), [to, from])
            .transpose();
        let bias = bias.then(|| self.vector(&format!("{path}.bias"), to));
        Linear {
            weight: frozen(weight),
            bias,
        }
    }

    /// Builds the layers, or as many as the report needs: where a layer is
    /// wholly absent, those behind it that the files don't mention either are
    /// one line. So a configuration cannot claim more work than the files hold.
    pub(crate) fn layers<T>(
        &mut self,
        count: usize,
        build: impl Fn(&mut Self, &str) -> T,
    ) -> Vec<T> {
        let mut layers = Vec::new();
        let mut mentioned = None;
        let mut index = 0;
        while index < count && self.failure.is_none() {
            let (asked, missing) = (self.used.len(), self.missing);
            layers.push(build(self, &format!("model.layers.{index}")));
            index += 1;
            if self.missing - missing < self.used.len() - asked {
                continue;
            }
            let mentioned = mentioned.get_or_insert_with(|| self.layers_mentioned());
            let next = mentioned.range(index..).next();
            let next = next.map_or(count, |&next| next.min(count));
            if next > index {
                let (first, last) = (index, next - 1);
                self.problems.push(Problem::MissingLayers { first, last });
                index = next;
            }
        }
        layers
    }

    /// Fails with everything that did not fit.
    pub(crate) fn finish(mut self, tied: bool) -> Result<(), LlamaError> {
        if tied && self.failure.is_none() {
            self.check_tied_head();
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        for (name, found) in self.source.names() {
            // Old files hold the rotary frequencies, which follow from the
            // configuration.
            if !self.used.contains(&name) && !name.ends_with(".rotary_emb.inv_freq") {
                self.problems.push(Problem::Unexpected { name, found });
            }
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(LlamaError::Weights {
            path: self.source.location().to_owned(),
            problems: self.problems,
        })
    }

    /// A tied head is sometimes stored a second time: as the embedding once
    /// more it says nothing new, and otherwise one of the two is wrong.
    fn check_tied_head(&mut self) {
        let shape_of = |builder: &mut Self, name: &str| builder.shapes().get(name).cloned();
        let Some(found) = shape_of(self, HEAD) else {
            return;
        };
        self.used.insert(HEAD.to_owned());
        let Some(expected) = shape_of(self, EMBEDDING) else {
            return;
        };
        if let Some(problem) = Problem::of(HEAD, Some(&found), &expected) {
            self.problems.push(problem);
            return;
        }
        match self.source.same_values(HEAD, EMBEDDING, &expected) {
            Ok(true) => {}
            Ok(false) => self.problems.push(Problem::Untied { name: HEAD.into() }),
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The layers that the names of tensors mention.
    fn layers_mentioned(&mut self) -> BTreeSet<usize> {
        let names = self.shapes().keys();
        let layers = names.filter_map(|name| {
            let (layer, _) = name.strip_prefix("model.layers.")?.split_once('.')?;
            layer.parse().ok()
        });
        layers.collect()
    }

    fn shapes(&mut self) -> &BTreeMap<String, Vec<usize>> {
        let source = &self.source;
        self.shapes
            .get_or_insert_with(|| source.names().into_iter().collect())
    }

    fn report(&mut self, problem: Problem) {
        self.missing += usize::from(matches!(problem, Problem::Missing { .. }));
        self.problems.push(problem);
    }

    fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.used.insert(name.to_owned());
        if self.failure.is_none() && self.problems.is_empty() {
            match self.source.tensor(name, &shape) {
                Ok(Ok(values)) => {
                    let options = (&self.device, self.dtype);
                    return Tensor::from_data(TensorData::new(values, shape), options);
                }
                Ok(Err(problem)) => self.report(problem),
                Err(failure) => self.failure = Some(failure),
            }
        } else if self.failure.is_none() {
            // The report is certain: nothing more is read for it than shapes.
            let found = self.shapes().get(name).map(Vec::as_slice);
            if let Some(problem) = Problem::of(name, found, &shape) {
                self.report(problem);
            }
        }
        // The model under construction is thrown away by `finish`; only the
        // report is of use, and it costs no memory for weights that are absent.
        Tensor::zeros([0; D], (&self.device, DType::F32))
    }
}

fn frozen<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), value).set_require_grad(false)
}
