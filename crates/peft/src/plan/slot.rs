//! The tensors of an adapter, and how PEFT's file names and lays them out.

use super::{Kind, Planned};
use crate::tensors::PREFIX;

/// One of a layer's trained tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// LoRA's `A`.
    A,
    /// LoRA's `B`.
    B,
    /// DoRA's `m`.
    Magnitude,
    /// VeRA's `λ_b`.
    LambdaB,
    /// VeRA's `λ_d`.
    LambdaD,
    /// IA3's `l`.
    Scales,
    /// A replacement's values.
    Value,
    /// A prompt's embeddings.
    Embeddings,
}

/// A tensor of an adapter in PEFT's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Its name.
    pub key: String,
    /// Which tensor it is.
    pub field: Field,
    /// Its axes in the file.
    pub shape: Vec<usize>,
    /// Whether the file holds the transpose of what burn multiplies with.
    pub transpose: bool,
    /// Whether it repeats another tensor: the head's side of an adapter that
    /// it shares with the embedding.
    pub mirror: bool,
}

impl Slot {
    fn matrix(key: String, field: Field, shape: [usize; 2], transpose: bool) -> Self {
        Self {
            key,
            field,
            shape: shape.into(),
            transpose,
            mirror: false,
        }
    }

    fn vector(key: String, field: Field, shape: &[usize]) -> Self {
        Self {
            key,
            field,
            shape: shape.into(),
            transpose: false,
            mirror: false,
        }
    }

    /// The same tensor as the head's side of it, under the head's own name.
    fn mirrored(self, key: String) -> Self {
        let mut shape = self.shape;
        if self.transpose {
            shape.reverse();
        }
        Self {
            key,
            shape,
            transpose: false,
            mirror: true,
            ..self
        }
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Planned {
    /// The tensors of this layer.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let [d_input, d_output] = self.dims;
        match &self.kind {
            Kind::Lora {
                rank,
                dora,
                embedding,
                ..
            } => {
                let names = if *embedding {
                    ["lora_embedding_A", "lora_embedding_B"]
                } else {
                    ["lora_A.weight", "lora_B.weight"]
                };
                let mut slots = vec![
                    Slot::matrix(self.key(names[0]), Field::A, [*rank, d_input], true),
                    Slot::matrix(self.key(names[1]), Field::B, [d_output, *rank], true),
                ];
                if *dora {
                    let key = self.key("lora_magnitude_vector");
                    slots.push(Slot::vector(key, Field::Magnitude, &[d_output]));
                }
                if let Some(head) = &self.tied {
                    // h · (A · B)ᵀ = (h · Bᵀ) · Aᵀ: the head's A is Bᵀ.
                    let key = |name: &str| format!("{PREFIX}{head}.{name}.weight");
                    slots.push(slots[1].clone().mirrored(key("lora_A")));
                    slots.push(slots[0].clone().mirrored(key("lora_B")));
                }
                slots
            }
            Kind::Vera { rank } => vec![
                Slot::vector(self.key("vera_lambda_b"), Field::LambdaB, &[d_output]),
                Slot::vector(self.key("vera_lambda_d"), Field::LambdaD, &[*rank]),
            ],
            Kind::Ia3 { feedforward } => {
                let shape = if *feedforward {
                    [1, d_input]
                } else {
                    [d_output, 1]
                };
                vec![Slot::vector(self.key("ia3_l"), Field::Scales, &shape)]
            }
            Kind::Ia3Bias => Vec::new(),
            Kind::Replacement {
                shape,
                transpose,
                key,
                ..
            } => {
                let slot = Slot {
                    key: key.clone(),
                    field: Field::Value,
                    shape: shape.clone(),
                    transpose: *transpose,
                    mirror: false,
                };
                let head = self.tied.as_ref();
                let head = head.map(|head| slot.clone().mirrored(format!("{PREFIX}{head}.weight")));
                [slot].into_iter().chain(head).collect()
            }
            Kind::Prompt { tokens } => vec![Slot::matrix(
                "prompt_embeddings".into(),
                Field::Embeddings,
                [*tokens, d_output],
                false,
            )],
        }
    }
}
