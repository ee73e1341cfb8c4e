//! Keys and values of the tokens seen, in tensors allocated once.

use std::ops::Range;

use burn::tensor::{DType, Tensor, TensorCreationOptions};

use crate::LlamaConfig;

/// The keys and values of every layer. It belongs to a generation, not to the
/// model, and is passed in by `&mut`.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
}

/// One layer's keys and values: `[batch, kv_heads, capacity, head_dim]`.
#[derive(Debug)]
pub struct LayerCache {
    // `None` only while `append` runs: a tensor that nobody else holds is
    // written in place, where a second handle would force a copy.
    keys: Option<Tensor<4>>,
    values: Option<Tensor<4>>,
    used: usize,
}

impl KvCache {
    /// A cache for `batch` rows of at most `capacity` tokens, on a device and
    /// in the model's own type: `&device` for f32, `(&device, model.dtype())`
    /// for any.
    pub fn new(
        config: &LlamaConfig,
        batch: usize,
        capacity: usize,
        options: impl Into<TensorCreationOptions>,
    ) -> Self {
        let options = options.into();
        let options = (&options.device, options.dtype_or(DType::F32));
        let shape = [batch, config.num_key_value_heads, capacity, config.head_dim];
        let zeros = || Some(Tensor::zeros(shape, options));
        let layers = (0..config.num_hidden_layers)
            .map(|_| LayerCache {
                keys: zeros(),
                values: zeros(),
                used: 0,
            })
            .collect();
        Self { layers }
    }

    /// Tokens held in each row, padding included.
    pub fn used(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.used)
    }

    /// The cache of one layer.
    ///
    /// # Panics
    /// If the model has fewer layers.
    pub fn layer(&mut self, index: usize) -> &mut LayerCache {
        &mut self.layers[index]
    }

    /// Copies the tokens `from` of a cache's only row to a row of this one,
    /// beginning at the slot `to`.
    ///
    /// # Panics
    /// If they do not fit.
    pub(crate) fn place(&mut self, packed: &KvCache, from: Range<usize>, row: usize, to: usize) {
        let end = to + from.len();
        for (layer, packed) in self.layers.iter_mut().zip(&packed.layers) {
            for (slot, part) in [
                (&mut layer.keys, &packed.keys),
                (&mut layer.values, &packed.values),
            ] {
                let part = part.clone().expect(HELD);
                let part = part.narrow(2, from.start, from.len());
                replace(slot, |held| {
                    let [_, heads, _, width] = held.dims();
                    held.slice_assign([row..row + 1, 0..heads, to..end, 0..width], part)
                });
            }
        }
    }

    /// Declares that every row holds `used` tokens, as [`KvCache::place`] left
    /// them.
    pub(crate) fn set_used(&mut self, used: usize) {
        for layer in &mut self.layers {
            layer.used = used;
        }
    }

    /// Keeps only the given rows, in the order given, so that finished rows
    /// cost nothing more.
    pub fn keep_rows(&mut self, rows: &[usize]) {
        for layer in &mut self.layers {
            for slot in [&mut layer.keys, &mut layer.values] {
                replace(slot, |held| {
                    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
                    let rows = Tensor::from_data(rows.as_slice(), &held.device());
                    held.select(0, rows)
                });
            }
        }
    }

    /// Tokens that a row can hold.
    pub fn capacity(&self) -> usize {
        let keys = self.layers.first().and_then(|layer| layer.keys.as_ref());
        keys.map_or(0, |keys| keys.dims()[2])
    }

    /// Makes room for `capacity` tokens in each row; what is held stays. All is
    /// copied once, layer by layer.
    pub fn grow(&mut self, capacity: usize) {
        for layer in &mut self.layers {
            for slot in [&mut layer.keys, &mut layer.values] {
                replace(slot, |held| {
                    let [batch, heads, old, width] = held.dims();
                    let shape = [batch, heads, capacity.max(old), width];
                    let larger = Tensor::zeros(shape, (&held.device(), held.dtype()));
                    larger.slice_assign([0..batch, 0..heads, 0..old, 0..width], held)
                });
            }
        }
    }
}

impl LayerCache {
    /// Appends `[batch, kv_heads, new, head_dim]` and returns all that is held.
    ///
    /// # Panics
    /// If the capacity is exceeded, or the cache is of another type.
    pub fn append(&mut self, keys: Tensor<4>, values: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let used = self.used + keys.dims()[2];
        let all_keys = store(&mut self.keys, keys, self.used, used);
        let all_values = store(&mut self.values, values, self.used, used);
        self.used = used;
        (all_keys, all_values)
    }
}

/// What a slot without a tensor means.
const HELD: &str = "a panic while it was written left this cache without a tensor";

/// Changes the tensor of a slot while nobody else holds it.
fn replace(slot: &mut Option<Tensor<4>>, change: impl FnOnce(Tensor<4>) -> Tensor<4>) {
    let held = slot.take().expect(HELD);
    *slot = Some(change(held));
}

fn store(slot: &mut Option<Tensor<4>>, new: Tensor<4>, from: usize, to: usize) -> Tensor<4> {
    let held = slot.take().expect(HELD);
    let [batch, heads, capacity, width] = held.dims();
    assert!(
        to <= capacity,
        "the cache holds {capacity} tokens; {to} were appended"
    );
    assert_eq!(
        held.dtype(),
        new.dtype(),
        "a cache must be of the model's own type"
    );
    let held = held.slice_assign([0..batch, 0..heads, from..to, 0..width], new);
    let seen = held.clone().narrow(2, 0, to);
    *slot = Some(held);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::{assert_close, random};

    #[test]
    fn appended_parts_come_back_in_order_and_rows_can_be_dropped() {
        let device = anneal_testkit::device();
        let mut config = LlamaConfig::smollm2_135m();
        (
            config.num_hidden_layers,
            config.num_key_value_heads,
            config.head_dim,
        ) = (1, 2, 4);
        let mut cache = KvCache::new(&config, 3, 6, &device);
        let k = random::<4>([3, 2, 5, 4], 1.0, 1, &device);
        let v = random::<4>([3, 2, 5, 4], 1.0, 2, &device);
        cache
            .layer(0)
            .append(k.clone().narrow(2, 0, 3), v.clone().narrow(2, 0, 3));
        let (keys, values) = cache
            .layer(0)
            .append(k.clone().narrow(2, 3, 2), v.clone().narrow(2, 3, 2));
        assert_close(keys, k.clone(), 0.0);
        assert_close(values, v, 0.0);
        cache.keep_rows(&[2, 0]);
        assert_eq!((cache.used(), cache.capacity()), (5, 6));
        cache.grow(9);
        assert_eq!((cache.used(), cache.capacity()), (5, 9));
        let new = random::<4>([2, 2, 1, 4], 1.0, 3, &device);
        let (keys, _) = cache.layer(0).append(new.clone(), new.clone());
        assert_close(
            keys.clone().narrow(0, 0, 1).narrow(2, 0, 5),
            k.narrow(0, 2, 1),
            0.0,
        );
        assert_close(keys.narrow(2, 5, 1), new, 0.0);
    }

    #[test]
    #[should_panic(expected = "the cache holds 2 tokens; 3 were appended")]
    fn more_than_the_capacity_is_refused() {
        let device = anneal_testkit::device();
        let mut cache = KvCache::new(&LlamaConfig::smollm2_135m(), 1, 2, &device);
        let new = Tensor::zeros([1, 3, 3, 64], &device);
        cache.layer(0).append(new.clone(), new);
    }

    #[test]
    #[should_panic(expected = "a cache must be of the model's own type")]
    fn another_type_is_refused() {
        let device = anneal_testkit::device();
        let options = (&device, DType::BF16);
        let mut cache = KvCache::new(&LlamaConfig::smollm2_135m(), 1, 2, options);
        let new = Tensor::zeros([1, 3, 1, 64], &device);
        cache.layer(0).append(new.clone(), new);
    }
}
