//! Writing an adapter so that every reader of PEFT's files computes the same.

use std::{collections::BTreeMap, path::Path};

use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};

use crate::{
    AdapterConfig, AdapterLayer, LoraConfig, PeftError, PeftType, Portability, VeraConfig,
    attach::transposed,
    bake::{BESIDE, Factors, MERGE, bake},
    plan::Field,
    portability::of_saved,
    save::{Saved, spell_out},
    state::{self, Adapters, Entry, Role},
    tensors::PREFIX,
    traverse::{Anatomy, Holder},
};

/// Writes the adapter of this name as a plain LoRA adapter into `dir`, in the
/// form that every [`Consumer`](crate::Consumer) computes alike.
///
/// The scale is part of `B`, so that `lora_alpha` equals `r`; all layers have
/// the highest rank, lower ones filled up with zeros; there are no patterns, no
/// rank-stabilised scale, and `target_modules` lists the layers. PiSSA and
/// OLoRA come out for the base as it was published, with twice the rank, and
/// VeRA as the factors `A · diag(λ_d)` and `B · diag(λ_b)`. The update stays
/// what it was, but for one rounding of each value of `B` (and of VeRA's `A`).
///
/// Returns what each consumer makes of the files. What is left to tell is no
/// difference in numbers: that llama.cpp's converter wants to know the base,
/// or that vLLM must be started with a higher rank.
///
/// ```
/// use anneal_peft::{LoraConfig, TargetModules, attach, export_adapter};
/// use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::Device};
///
/// #[derive(Module, Debug)]
/// struct Net { proj: Linear }
///
/// let net = Net { proj: LinearConfig::new(3, 2).init(&Device::default()) };
/// let config = LoraConfig::new(TargetModules::names(["proj"]))
///     .with_r(2)
///     .with_use_rslora(true)
///     .with_base_model("org/name");
/// let (net, _) = attach(net, &config, 1)?;
/// let dir = tempfile::tempdir().expect("a folder to write to");
/// assert!(export_adapter(&net, "default", dir.path())?.is_ok_everywhere());
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
///
/// # Errors
///
/// [`PeftError::NotBakeable`] for what low-rank factors of linear layers can't
/// say, with what to do instead: DoRA, IA3, prompts, trained biases, modules
/// saved whole, and adapters of an embedding or of a head that is one. Also a
/// name that no adapter has, values that are not finite, or a folder that
/// cannot be written. Nothing is written where the adapter is refused.
pub fn export_adapter<M: Module>(
    module: &M,
    name: &str,
    dir: impl AsRef<Path>,
) -> Result<Portability, PeftError> {
    let saved = Saved::of(module, name)?;
    let anatomy = Anatomy::of(module);
    let config = as_lora(&saved.config)?;
    let carried = state::read(module);
    let mut layers = BTreeMap::new();
    let mut entries = Vec::new();
    for (param, adapters) in &carried {
        for entry in adapters.entries.iter().filter(|entry| entry.name == name) {
            check_place(&anatomy, param, entry)?;
            if let Some(factors) = factors(&saved, &anatomy, param, adapters, entry) {
                layers.insert(entry.module.clone(), factors);
                entries.push(entry);
            }
        }
    }
    let (config, layers) = bake(&config, spell_out(&anatomy, &entries), layers)?;
    let exported = Saved {
        config: config.into(),
        tensors: layers.iter().flat_map(tensors).collect(),
    };
    exported.check_finite()?;
    exported.write(dir.as_ref())?;
    of_saved(&exported, &anatomy)
}

/// The settings as LoRA's, where there is such a form.
fn as_lora(config: &AdapterConfig) -> Result<LoraConfig, PeftError> {
    let refused = |kind: PeftType, advice| {
        Err(PeftError::NotBakeable {
            field: "peft_type",
            found: kind.to_string(),
            advice,
        })
    };
    match config {
        AdapterConfig::Lora(lora) => Ok(lora.clone()),
        AdapterConfig::Vera(vera) => Ok(vera_as_lora(vera)),
        AdapterConfig::Ia3(_) => refused(PeftType::Ia3, MERGE),
        AdapterConfig::PromptTuning(_) => refused(PeftType::PromptTuning, BESIDE),
    }
}

fn vera_as_lora(vera: &VeraConfig) -> LoraConfig {
    LoraConfig {
        r: vera.r,
        lora_alpha: vera.r as f64,
        lora_dropout: vera.vera_dropout,
        bias: vera.bias,
        modules_to_save: vera.modules_to_save.clone(),
        task_type: vera.task_type.clone(),
        base_model_name_or_path: vera.base_model_name_or_path.clone(),
        ..LoraConfig::new(vera.target_modules.clone())
    }
}

/// Refuses layers that not every reader can place.
fn check_place(anatomy: &Anatomy, param: &str, entry: &Entry) -> Result<(), PeftError> {
    if !matches!(entry.layer, AdapterLayer::Lora(_) | AdapterLayer::Vera(_)) {
        // Trained copies, which the settings tell of and `bake` refuses.
        return Ok(());
    }
    let site = anatomy.param(param);
    let what = match entry.role {
        Role::TiedHead => "a head that is the embedding",
        Role::Parameter if site.is_some_and(|site| site.holder == Holder::Linear) => return Ok(()),
        Role::Parameter => "an embedding",
    };
    Err(PeftError::NotBakeable {
        field: "target_modules",
        found: format!("{}, {what}", entry.module),
        advice: if entry.role == Role::TiedHead {
            BESIDE
        } else {
            MERGE
        },
    })
}

/// The factors of a layer, if it has any.
fn factors(
    saved: &Saved,
    anatomy: &Anatomy,
    param: &str,
    adapters: &Adapters,
    entry: &Entry,
) -> Option<Factors> {
    match &entry.layer {
        // As saved, that is with PiSSA's and OLoRA's beginning taken out.
        AdapterLayer::Lora(lora) => {
            let tensor = |field: Field| {
                let slot = entry.slots.iter().find(|slot| slot.field == field)?;
                let (_, data) = saved.tensors.iter().find(|(key, _)| *key == slot.key)?;
                let shape: [usize; 2] = data.shape().as_slice().try_into().ok()?;
                Some((transposed(&data.iter().collect::<Vec<f32>>(), shape), shape))
            };
            let (a, [rank, d_input]) = tensor(Field::A)?;
            let (b, [d_output, _]) = tensor(Field::B)?;
            Some(Factors {
                a,
                b,
                d_input,
                d_output,
                rank,
                scale: lora.scale,
            })
        }
        AdapterLayer::Vera(_) => {
            let [d_input, d_output] = anatomy.param(param)?.dims();
            let plain = adapters.without_autodiff();
            let Some(AdapterLayer::Vera(vera)) = plain
                .find(&entry.name, entry.role)
                .map(|entry| &entry.layer)
            else {
                return None;
            };
            let (a, b) = vera.factors(d_input, d_output);
            let [_, rank] = a.dims();
            let values = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect();
            Some(Factors {
                a: values(a),
                b: values(b),
                d_input,
                d_output,
                rank,
                scale: 1.0,
            })
        }
        _ => None,
    }
}

/// A layer's two tensors as PEFT names and lays them out.
fn tensors((path, factors): (&String, &Factors)) -> [(String, TensorData); 2] {
    let Factors {
        a,
        b,
        d_input,
        d_output,
        rank,
        ..
    } = factors;
    let tensor = |name: &str, values: &[f32], [rows, columns]: [usize; 2]| {
        let data = TensorData::new(transposed(values, [rows, columns]), [columns, rows]);
        (format!("{PREFIX}{path}.{name}.weight"), data)
    };
    [
        tensor("lora_A", a, [*d_input, *rank]),
        tensor("lora_B", b, [*rank, *d_output]),
    ]
}
