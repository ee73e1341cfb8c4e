//! What the benchmarks share: shapes, and a pass forward and backward.
//!
//! Shapes are those of SmolLM2-135M at a micro-batch of 8 rows of 128 tokens.
//! Every kernel is measured beside its plain twin, in one run.

pub mod counted;
pub mod machine;
pub mod products;

use burn::tensor::Tensor;

/// Rows of a micro-batch.
pub const BATCH: usize = 8;
/// Tokens of a row.
pub const LENGTH: usize = 128;
/// The width of the residual stream.
pub const HIDDEN: usize = 576;
/// The width of the feed-forward layer.
pub const INNER: usize = 1536;
/// Query heads.
pub const HEADS: usize = 9;
/// Key and value heads.
pub const KV_HEADS: usize = 3;
/// The width of a head.
pub const HEAD_DIM: usize = 64;
/// Tokens of the vocabulary.
pub const VOCABULARY: usize = 49_152;

/// Runs a function on leaves that want gradients, and its backward pass.
///
/// # Panics
/// If a leaf gets no gradient: the benchmark would measure something else.
pub fn forward_backward<const D: usize, const N: usize, const E: usize>(
    inputs: &[Tensor<D>; N],
    function: impl Fn([Tensor<D>; N]) -> Tensor<E>,
) {
    let leaves = inputs.clone().map(|input| input.require_grad());
    let gradients = function(leaves.clone()).sum().backward();
    for leaf in leaves {
        assert!(leaf.grad(&gradients).is_some(), "a leaf without a gradient");
    }
}

/// `criterion_main!` on one of rayon's threads, where commands do their work
/// (`anneal_examples::on_pool`): from outside, every parallel loop sends its
/// caller to sleep.
#[macro_export]
macro_rules! pool_main {
    ($group:ident) => {
        fn main() {
            anneal_examples::on_pool(|| {
                $group();
                criterion::Criterion::default()
                    .configure_from_args()
                    .final_summary();
            });
        }
    };
}
