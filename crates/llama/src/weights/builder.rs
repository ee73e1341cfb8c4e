//! Turns a source of tensors into parameters, and collects what does not fit.

use std::collections::BTreeSet;

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{Problem, TensorSource};
use crate::{LlamaError, Precision};

/// Hands out frozen parameters one by one; [`Builder::finish`] says whether
/// all of them were real.
pub(crate) struct Builder<'a> {
    source: &'a mut dyn TensorSource,
    device: Device,
    dtype: DType,
    used: BTreeSet<String>,
    problems: Vec<Problem>,
    failure: Option<LlamaError>,
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
            failure: None,
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

    /// Fails with everything that did not fit.
    pub(crate) fn finish(mut self, tied: bool) -> Result<(), LlamaError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        for (name, found) in self.source.names() {
            let known = self.used.contains(&name)
                // A tied head is sometimes stored a second time, and old files
                // hold the rotary frequencies, which follow from the config.
                || (tied && name == "lm_head.weight")
                || name.ends_with(".rotary_emb.inv_freq");
            if !known {
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

    fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.used.insert(name.to_owned());
        let options = (&self.device, self.dtype);
        if self.failure.is_none() {
            match self.source.tensor(name, &shape) {
                Ok(Ok(values)) => {
                    return Tensor::from_data(TensorData::new(values, shape), options);
                }
                Ok(Err(problem)) => self.problems.push(problem),
                Err(failure) => self.failure = Some(failure),
            }
        }
        // The model under construction is thrown away by `finish`; only the
        // report is of use, and it costs no memory for weights that are absent.
        Tensor::zeros([0; D], options)
    }
}

fn frozen<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), value).set_require_grad(false)
}
