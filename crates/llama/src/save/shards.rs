//! Which tensor goes into which file.
//!
//! Compared against `split_torch_state_dict_into_shards` of huggingface_hub:
//! tensors stay in order, and a shard ends where the next one would pass the
//! limit. As there, a tensor above the limit gets a shard of its own.

use super::tensors::LazyTensor;

/// Cuts a list of tensors into consecutive shards, none of them empty.
pub(super) fn split(
    tensors: Vec<LazyTensor>,
    bytes_per_value: usize,
    limit: u64,
) -> Vec<Vec<LazyTensor>> {
    let mut shards: Vec<Vec<LazyTensor>> = Vec::new();
    let mut filled = 0;
    for tensor in tensors {
        let bytes = (tensor.shape.iter().product::<usize>() * bytes_per_value) as u64;
        match shards.last_mut() {
            Some(shard) if filled + bytes <= limit => {
                shard.push(tensor);
                filled += bytes;
            }
            _ => {
                shards.push(vec![tensor]);
                filled = bytes;
            }
        }
    }
    shards
}

/// `model.safetensors`, or `model-00001-of-00003.safetensors`.
pub(super) fn file_name(index: usize, count: usize) -> String {
    if count == 1 {
        return "model.safetensors".into();
    }
    format!("model-{:05}-of-{count:05}.safetensors", index + 1)
}
