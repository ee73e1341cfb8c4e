//! burn's optimiser states as named tensors, and back.
//!
//! burn flattens a state into tensors and numbers (`RecordState`). A safetensors file holds
//! tensors only, so that a number becomes one without dimensions whose element type tells its kind.

use std::collections::BTreeMap;

use burn::optim::{RecordState, StateSink, StateSource};
use burn::tensor::{DType, Device, TensorData};

/// The place of burn's names among ours, such as `step`, which they could be equal to.
const PREFIX: &str = "state";

/// The tensors of a state, `state.momentum.velocity` for one.
pub(super) fn flatten<S: RecordState>(state: &S) -> Vec<(String, TensorData)> {
    let mut sink = StateSink::default();
    state.state_flatten(PREFIX, &mut sink);
    let mut tensors = sink.tensors;
    for (name, scalar) in sink.scalars {
        // burn does not export the type of `scalar`, so that it cannot be matched. It converts to
        // its own kind only, but a whole number to f64 too: f64 comes last.
        let data = if let Ok(value) = bool::try_from(scalar) {
            number(u8::from(value))
        } else if let Ok(value) = u64::try_from(scalar) {
            number(value)
        } else if let Ok(value) = i64::try_from(scalar) {
            number(value)
        } else if let Ok(value) = f64::try_from(scalar) {
            number(value)
        } else {
            continue;
        };
        tensors.push((name, data));
    }
    tensors
}

fn number<E: burn::tensor::Element>(value: E) -> TensorData {
    TensorData::new(vec![value], Vec::<usize>::new())
}

/// The inverse of [`flatten`]; none where a tensor that the state needs is missing.
pub(super) fn unflatten<S: RecordState>(
    tensors: BTreeMap<String, TensorData>,
    device: &Device,
) -> Option<S> {
    let (numbers, tensors): (Vec<_>, Vec<_>) = tensors
        .into_iter()
        .partition(|(_, data)| data.shape().is_empty());
    let mut scalars = BTreeMap::new();
    for (name, data) in numbers {
        let scalar = match data.dtype() {
            DType::U8 => data.iter::<u8>().next().map(|value| (value != 0).into()),
            DType::U64 => data.iter::<u64>().next().map(Into::into),
            DType::I64 => data.iter::<i64>().next().map(Into::into),
            _ => data.iter::<f64>().next().map(Into::into),
        };
        if let Some(scalar) = scalar {
            scalars.insert(name, scalar);
        }
    }
    let mut source = StateSource::new(scalars);
    for (name, data) in tensors {
        source.insert_tensor(name, data);
    }
    S::state_unflatten(PREFIX, &mut source, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tensor;

    /// burn's derive works in its own crate only.
    struct Kinds {
        moment: Tensor<2>,
        count: usize,
        offset: i64,
        rate: f64,
        whole: f64,
        flag: bool,
    }

    impl RecordState for Kinds {
        fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
            out.push_tensor(prefix, "moment", self.moment.to_data());
            out.push_scalar(prefix, "count", self.count.into());
            out.push_scalar(prefix, "offset", self.offset.into());
            out.push_scalar(prefix, "rate", self.rate.into());
            out.push_scalar(prefix, "whole", self.whole.into());
            out.push_scalar(prefix, "flag", self.flag.into());
        }
        fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
            Some(Self {
                moment: Tensor::from_data(src.take_tensor(prefix, "moment")?, device),
                count: src.take_scalar(prefix, "count")?.try_into().ok()?,
                offset: src.take_scalar(prefix, "offset")?.try_into().ok()?,
                rate: src.take_scalar(prefix, "rate")?.try_into().ok()?,
                whole: src.take_scalar(prefix, "whole")?.try_into().ok()?,
                flag: src.take_scalar(prefix, "flag")?.try_into().ok()?,
            })
        }
    }

    #[test]
    fn every_kind_of_number_comes_back() {
        let device = anneal_testkit::device();
        let state = Kinds {
            moment: anneal_testkit::random([2, 3], 1.0, 5, &device),
            count: usize::MAX,
            offset: -7,
            rate: -0.1,
            whole: 3.0,
            flag: true,
        };
        let tensors = flatten(&state);
        assert_eq!(tensors.len(), 6);
        let back: Kinds = unflatten(tensors.clone().into_iter().collect(), &device).unwrap();
        assert_eq!(back.moment.to_data(), state.moment.to_data());
        assert_eq!((back.count, back.offset), (usize::MAX, -7));
        assert_eq!((back.rate, back.whole, back.flag), (-0.1, 3.0, true));

        let without = tensors
            .into_iter()
            .filter(|(name, _)| name != "state.count");
        assert!(unflatten::<Kinds>(without.collect(), &device).is_none());
    }
}
