//! `optimizer.safetensors`: every trained parameter's state, its tensors under the parameter's path.

use std::collections::BTreeMap;

use burn::tensor::{Device, TensorData};

use super::tensors::Expected;
use crate::optimizer::{Optimizer, STEP, StateTensors};
use crate::parameters::TrainedParameter;

/// The state of every trained parameter.
pub(super) fn tensors(
    parameters: &[TrainedParameter],
    optimizer: &dyn Optimizer,
) -> Vec<(String, TensorData)> {
    let mut tensors = Vec::new();
    for TrainedParameter { path, shape, .. } in parameters {
        for (name, data) in optimizer.state(path, shape) {
            tensors.push((format!("{path}.{name}"), data));
        }
    }
    tensors
}

/// What a file must hold, given the numbers of updates that it says.
pub(super) fn expected(
    parameters: &[TrainedParameter],
    optimizer: &dyn Optimizer,
    found: &BTreeMap<String, TensorData>,
    device: &Device,
) -> Vec<Expected> {
    let mut expected = Vec::new();
    for TrainedParameter { path, shape, .. } in parameters {
        let step = found.get(&format!("{path}.{STEP}")).map_or(0, updates);
        let leaves = optimizer.layout(path, shape, step, device);
        expected.extend(leaves.into_iter().map(|leaf| Expected {
            name: format!("{path}.{}", leaf.name),
            shape: leaf.shape,
            dtype: leaf.dtype,
        }));
    }
    expected
}

/// Gives an optimiser without state the states of a file, which has been checked.
pub(super) fn restore(
    parameters: &[TrainedParameter],
    optimizer: &mut dyn Optimizer,
    mut found: BTreeMap<String, TensorData>,
    device: &Device,
) {
    for TrainedParameter { path, shape, .. } in parameters {
        let step = found.get(&format!("{path}.{STEP}")).map_or(0, updates);
        let mut state = StateTensors::new();
        for leaf in optimizer.layout(path, shape, step, device) {
            if let Some(data) = found.remove(&format!("{path}.{}", leaf.name)) {
                state.insert(leaf.name, data);
            }
        }
        optimizer.set_state(path, shape, step, state, device);
    }
}

/// The number in a `step` tensor; what is none of ours counts as 0.
fn updates(data: &TensorData) -> u64 {
    let step = data.iter::<i64>().next().unwrap_or(0);
    u64::try_from(step).unwrap_or(0)
}
