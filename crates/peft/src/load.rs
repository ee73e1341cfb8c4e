//! Reading an adapter from PEFT's two files.
//!
//! Strict, because every way of being lenient ends in a model that runs and
//! answers as if it had not been trained: the tensors in the file must be
//! exactly those that the configuration and the module ask for.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use burn::module::Module;
use safetensors::SafeTensors;

use crate::{
    AdapterConfig, AttachReport, InitLoraWeights, LoraConfig, PeftError,
    attach::{DEFAULT_ADAPTER, install, projections},
    build::Build,
    files::{CONFIG_FILE, WEIGHTS_FILE, read},
    lora::column_norms,
    named::{check_new_name, check_unmerged, status_of_new},
    plan::{Field, Kind, Plan, Planned},
    read::FileTensors,
    state,
    traverse::Anatomy,
    values::{Values, Weights, decompose},
};

/// What loading an adapter did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// The adapted layers and the size of the update.
    pub attached: AttachReport,
    /// Modules whose update is nothing, as in an adapter that was never
    /// trained.
    pub zero_effect: Vec<String>,
    /// Whether that is all of them: the adapter changes nothing at all.
    pub has_no_effect: bool,
}

/// Freezes a module and puts the adapter in `dir` on it, active and called
/// [`DEFAULT_ADAPTER`].
///
/// F32, F16 and BF16 tensors are read, the latter two widened. The prefix
/// `base_model.model.` may be missing and the adapter's name `default` may
/// stand before `weight`, as some writers have it. The adapter can be trained
/// further or [merged](crate::merge).
///
/// # Errors
///
/// What [`AdapterConfig::from_dir`] refuses; a tensor file that cannot be read
/// or is cut short; and, as one [`PeftError::Mismatch`], every tensor that is
/// missing, unexpected, given twice, of another shape or type, or not finite.
/// Also targets that match nothing, or a module that already carries an
/// adapter of the name.
pub fn load_adapter<M: Module>(
    module: M,
    dir: impl AsRef<Path>,
) -> Result<(M, AdapterConfig, LoadReport), PeftError> {
    load_adapter_as(module, DEFAULT_ADAPTER, dir)
}

/// As [`load_adapter`], under a name of its own.
///
/// The adapter is active where it is the module's first, and inactive beside
/// others, as in PEFT; [`set_active`](crate::set_active) switches it on.
///
/// # Errors
///
/// As [`load_adapter`], a name that is taken, empty or holds a dot, and an
/// adapter that is merged.
pub fn load_adapter_as<M: Module>(
    module: M,
    name: &str,
    dir: impl AsRef<Path>,
) -> Result<(M, AdapterConfig, LoadReport), PeftError> {
    let dir = dir.as_ref();
    let carried = state::read(&module);
    check_new_name(&carried, name)?;
    check_unmerged(&carried)?;
    let config = AdapterConfig::from_dir(dir)?;
    if let AdapterConfig::Lora(LoraConfig {
        init_lora_weights: init @ InitLoraWeights::PissaNiter(_),
        ..
    }) = &config
    {
        // Whoever reads it draws other factors, PEFT as well: nobody has the
        // base that it was trained on.
        return Err(PeftError::Unsupported {
            file: dir.join(CONFIG_FILE),
            field: "init_lora_weights".into(),
            found: format!("{:?}", init.to_string()),
        });
    }
    let anatomy = Anatomy::of(&module);
    let plan = Plan::new(&anatomy, &config)?;
    let weights = Weights {
        anatomy: &anatomy,
        carried: &carried,
    };

    let file = dir.join(WEIGHTS_FILE);
    let bytes = read(&file)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|source| PeftError::Weights {
        file: file.clone(),
        source,
    })?;
    let mut reading = FileTensors::new(&tensors);
    let mut values: Vec<Values> = Vec::with_capacity(plan.layers.len());
    for planned in &plan.layers {
        values.push(reading.layer(planned));
    }
    let saved = match &config {
        AdapterConfig::Vera(vera) if vera.save_projection => {
            let [d_input, d_output] = plan.largest;
            Some([
                reading.matrix("base_model.vera_A", [vera.r, d_input]),
                reading.matrix("base_model.vera_B", [d_output, vera.r]),
            ])
        }
        _ => None,
    };
    reading.base_copies(&weights);
    let mismatch = reading.finish();
    if !mismatch.is_empty() {
        let mismatch = Box::new(mismatch);
        return Err(PeftError::Mismatch { file, mismatch });
    }
    // Drawn after the check, which knows that the file holds vectors of this
    // rank: a rank from nowhere could ask for more memory than there is.
    let shared = saved.or_else(|| projections(&config, &plan));
    if let AdapterConfig::Lora(lora) = &config {
        // PEFT takes the initial factors out of the base again when it loads
        // such an adapter.
        for (planned, values) in plan.layers.iter().zip(&mut values) {
            if let Some(parts) = decompose(planned, lora.init_lora_weights, 0, &weights)? {
                values.initial = Some([parts.a, parts.b]);
                values.residual = Some(parts.residual);
            }
        }
    }

    let zero_effect = zero_effect(&plan, &values, &weights);
    let build = Build {
        name: name.into(),
        config: Arc::new(config.clone()),
        status: status_of_new(&carried),
        plan,
        values,
        projections: shared,
        freeze: true,
    };
    let trained = build.plan.layers.iter();
    let trained = trained.filter(|planned| !matches!(planned.kind, Kind::Ia3Bias));
    let has_no_effect = zero_effect.len() == trained.count();
    let (module, attached) = install(module, carried, build);
    let report = LoadReport {
        attached,
        zero_effect,
        has_no_effect,
    };
    Ok((module, config, report))
}

/// Whether DoRA's magnitudes are the lengths that the columns have anyway.
fn magnitude_is_the_weights(planned: &Planned, values: &Values, weights: &Weights<'_>) -> bool {
    let Some(original) = weights.original(&planned.param) else {
        return false;
    };
    let lengths: Vec<f32> = column_norms(original).into_data().iter::<f32>().collect();
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs();
    let magnitude = values.fields.get(&Field::Magnitude);
    magnitude.is_some_and(|magnitude| magnitude.iter().zip(&lengths).all(near))
}

/// The modules whose values change nothing.
fn zero_effect(plan: &Plan, values: &[Values], weights: &Weights<'_>) -> Vec<String> {
    let layers = plan.layers.iter().zip(values);
    layers
        .filter(|(planned, values)| is_idle(planned, &values.fields, values, weights))
        .map(|(planned, _)| planned.module.clone())
        .collect()
}

fn is_idle(
    planned: &Planned,
    fields: &BTreeMap<Field, Vec<f32>>,
    values: &Values,
    weights: &Weights<'_>,
) -> bool {
    let all = |field: Field, value: f32| {
        let values = fields.get(&field);
        values.is_some_and(|values| values.iter().all(|&found| found == value))
    };
    match &planned.kind {
        &Kind::Lora { scale, dora, .. } => {
            let same = match &values.initial {
                Some([a, b]) => {
                    fields.get(&Field::A) == Some(a) && fields.get(&Field::B) == Some(b)
                }
                None => all(Field::A, 0.0) || all(Field::B, 0.0),
            };
            (same || scale == 0.0) && (!dora || magnitude_is_the_weights(planned, values, weights))
        }
        Kind::Vera { .. } => all(Field::LambdaB, 0.0) || all(Field::LambdaD, 0.0),
        Kind::Ia3 { .. } => all(Field::Scales, 1.0),
        Kind::Ia3Bias => false,
        Kind::Replacement { .. } => match weights.original(&planned.param) {
            Some(original) => {
                let original: Vec<f32> = original.into_data().iter::<f32>().collect();
                fields.get(&Field::Value) == Some(&original)
            }
            None => false,
        },
        // Tokens in front of a text always do something.
        Kind::Prompt { .. } => false,
    }
}
