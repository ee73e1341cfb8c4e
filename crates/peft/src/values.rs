//! The values that an adapter's layers begin with.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::{
    AdapterConfig, InitLoraWeights, PeftError, PromptTuningInit,
    init::{self, Decomposed, Weight},
    plan::{Field, Kind, Planned},
    state::{Adapters, Status, columns},
    traverse::Anatomy,
};

/// Values of one layer's tensors, flat, in the order that burn holds them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Values {
    /// The trained tensors.
    pub fields: BTreeMap<Field, Vec<f32>>,
    /// What the factors were at the start, where their product is taken out of
    /// the weight.
    pub initial: Option<[Vec<f32>; 2]>,
    /// What is left of the weight then.
    pub residual: Option<Vec<f32>>,
}

impl Values {
    fn new<const N: usize>(fields: [(Field, Vec<f32>); N]) -> Self {
        Self {
            fields: fields.into(),
            ..Self::default()
        }
    }
}

/// The stored values of a module that is about to be adapted.
pub(crate) struct Weights<'a> {
    /// Its parameters.
    pub anatomy: &'a Anatomy,
    /// What they carry already.
    pub carried: &'a BTreeMap<String, Adapters>,
}

impl Weights<'_> {
    /// A parameter as a matrix in f32, as it was before any adapter; `None`
    /// where the module has no such matrix or vector.
    pub(crate) fn original(&self, path: &str) -> Option<Tensor<2>> {
        let site = self.anatomy.param(path)?;
        let stored = match (&site.matrix, &site.vector) {
            (Some(matrix), _) => matrix.val().without_autodiff(),
            (None, Some(vector)) => columns(vector.val().without_autodiff()),
            (None, None) => return None,
        };
        let stored = stored.cast(burn::tensor::DType::F32);
        let Some(carried) = self.carried.get(path) else {
            return Some(stored);
        };
        let parts = carried
            .entries
            .iter()
            .filter(|e| e.status != Status::Merged);
        let parts = parts.filter_map(|entry| entry.layer.initial());
        Some(parts.fold(stored, |sum, (lora, initial)| {
            sum + initial.without_autodiff().delta(lora.scale)
        }))
    }

    fn host(&self, planned: &Planned) -> Result<Vec<f32>, PeftError> {
        let unsupported = || PeftError::UnsupportedShape {
            path: planned.param.clone(),
        };
        let original = self.original(&planned.param).ok_or_else(unsupported)?;
        Ok(original
            .into_data()
            .convert::<f32>()
            .iter::<f32>()
            .collect())
    }
}

/// Takes `s · A₀ · B₀` out of the planned layer's weight, by the method that
/// the configuration names.
pub(crate) fn decompose(
    planned: &Planned,
    init: InitLoraWeights,
    seed: u64,
    weights: &Weights<'_>,
) -> Result<Option<Decomposed>, PeftError> {
    let &Kind::Lora { rank, scale, .. } = &planned.kind else {
        return Ok(None);
    };
    if !init.changes_base() {
        return Ok(None);
    }
    let values = weights.host(planned)?;
    let weight = Weight {
        path: &planned.module,
        values: &values,
        shape: planned.dims,
    };
    Ok(match init {
        InitLoraWeights::Pissa => Some(init::pissa(&weight, rank, scale)?),
        InitLoraWeights::PissaNiter(iterations) => {
            Some(init::pissa_niter(&weight, rank, scale, iterations, seed)?)
        }
        InitLoraWeights::Olora => Some(init::olora(&weight, rank, scale)?),
        InitLoraWeights::Kaiming | InitLoraWeights::Random | InitLoraWeights::Gaussian => None,
    })
}

/// The values of a fresh adapter's layer; they depend on the seed and the
/// layer's path alone.
pub(crate) fn fresh(
    planned: &Planned,
    config: &AdapterConfig,
    seed: u64,
    weights: &Weights<'_>,
) -> Result<Values, PeftError> {
    let [d_input, d_output] = planned.dims;
    let path = planned.module.as_str();
    let at = |field: &str| format!("{path}.{field}");
    Ok(match (&planned.kind, config) {
        (Kind::Lora { .. }, AdapterConfig::Lora(lora)) => {
            fresh_lora(planned, lora.init_lora_weights, seed, weights)?
        }
        (Kind::Vera { rank }, AdapterConfig::Vera(vera)) => {
            let [lambda_b, lambda_d] = if vera.init_weights {
                [vec![0.0; d_output], vec![vera.d_initial as f32; *rank]]
            } else {
                let random = init::standard_normal(seed, &at("vera_lambda_d"), *rank, 1);
                [vec![1.0; d_output], random]
            };
            Values::new([(Field::LambdaB, lambda_b), (Field::LambdaD, lambda_d)])
        }
        (Kind::Ia3 { feedforward }, AdapterConfig::Ia3(ia3)) => {
            let length = if *feedforward { d_input } else { d_output };
            let scales = if ia3.init_ia3_weights {
                vec![1.0; length]
            } else {
                init::standard_normal(seed, &at("ia3_l"), length, 1)
            };
            Values::new([(Field::Scales, scales)])
        }
        (Kind::Replacement { .. }, _) => Values::new([(Field::Value, weights.host(planned)?)]),
        (Kind::Prompt { tokens }, AdapterConfig::PromptTuning(prompt)) => {
            let key = at("prompt_embeddings");
            let embeddings = match prompt.prompt_tuning_init {
                PromptTuningInit::Random => init::standard_normal(seed, &key, *tokens, d_output),
                PromptTuningInit::SampleVocab => {
                    let ids = init::indices(seed, &key, d_input, *tokens);
                    rows(&weights.host(planned)?, d_output, ids.into_iter())
                }
                PromptTuningInit::Text => {
                    let ids = prompt.text_ids()?;
                    let ids: Vec<usize> = ids.into_iter().map(|id| id as usize).collect();
                    if let Some(&id) = ids.iter().find(|&&id| id >= d_input) {
                        return Err(PeftError::InvalidSetting {
                            field: "prompt_tuning_init_text".into(),
                            found: format!("token {id}"),
                            expected: "tokens of the model's vocabulary",
                        });
                    }
                    rows(&weights.host(planned)?, d_output, ids.into_iter())
                }
            };
            Values::new([(Field::Embeddings, embeddings)])
        }
        _ => Values::default(),
    })
}

/// Rows of a matrix with `width` columns, one after the other.
fn rows(matrix: &[f32], width: usize, ids: impl Iterator<Item = usize>) -> Vec<f32> {
    ids.flat_map(|id| matrix[id * width..(id + 1) * width].iter().copied())
        .collect()
}

/// Factors, and the magnitude where DoRA asks for one.
fn fresh_lora(
    planned: &Planned,
    init: InitLoraWeights,
    seed: u64,
    weights: &Weights<'_>,
) -> Result<Values, PeftError> {
    let [d_input, d_output] = planned.dims;
    let path = planned.module.as_str();
    let &Kind::Lora {
        rank,
        scale,
        dora,
        embedding,
    } = &planned.kind
    else {
        return Ok(Values::default());
    };
    if rank > d_input.min(d_output) {
        return Err(PeftError::RankTooLarge {
            path: path.into(),
            rank,
            d_input,
            d_output,
        });
    }
    let second = format!("{path}.lora_B");
    let normal = |path: &str, rows, columns| init::standard_normal(seed, path, rows, columns);
    let mut values = match decompose(planned, init, seed, weights)? {
        Some(Decomposed { a, b, residual }) => Values {
            fields: [(Field::A, a.clone()), (Field::B, b.clone())].into(),
            initial: Some([a, b]),
            residual: Some(residual),
        },
        None => {
            let (a, b) = match (init, embedding) {
                (InitLoraWeights::Random, true) => {
                    (normal(path, d_input, rank), normal(&second, rank, d_output))
                }
                (_, true) => (vec![0.0; d_input * rank], normal(path, rank, d_output)),
                (InitLoraWeights::Random, false) => (
                    init::kaiming_uniform(seed, path, d_input, rank),
                    init::kaiming_uniform(seed, &second, rank, d_output),
                ),
                (InitLoraWeights::Gaussian, false) => (
                    init::gaussian(seed, path, d_input, rank),
                    vec![0.0; rank * d_output],
                ),
                _ => (
                    init::kaiming_uniform(seed, path, d_input, rank),
                    vec![0.0; rank * d_output],
                ),
            };
            Values::new([(Field::A, a), (Field::B, b)])
        }
    };
    if dora {
        // PiSSA's and OLoRA's factors and residual add up to the weight, so
        // that their update counts from the residual.
        let base = match &values.residual {
            Some(residual) => residual.clone(),
            None => weights.host(planned)?,
        };
        let (a, b) = (&values.fields[&Field::A], &values.fields[&Field::B]);
        let magnitude = column_lengths(&base, a, b, rank, d_output, scale);
        values.fields.insert(Field::Magnitude, magnitude);
    }
    Ok(values)
}

/// The length of each column of `W + s · A · B`, summed in f64.
fn column_lengths(
    weight: &[f32],
    a: &[f32],
    b: &[f32],
    rank: usize,
    d_output: usize,
    scale: f64,
) -> Vec<f32> {
    let mut squares = vec![0.0_f64; d_output];
    // A fresh B is zero, and the product is most of the work.
    let has_update = b.iter().any(|&b| b != 0.0);
    let mut sums = vec![0.0_f64; d_output];
    for (row, a) in weight.chunks(d_output).zip(a.chunks(rank)) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum = f64::from(value);
        }
        for (&a, b) in a.iter().zip(b.chunks(d_output)).filter(|_| has_update) {
            let a = scale * f64::from(a);
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum += a * f64::from(b);
            }
        }
        for (square, sum) in squares.iter_mut().zip(&sums) {
            *square += sum * sum;
        }
    }
    squares.into_iter().map(|sum| sum.sqrt() as f32).collect()
}
