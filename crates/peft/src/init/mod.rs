//! Initial values of an adapter, and the decompositions that make some of them.
//!
//! What is drawn depends on the seed and the layer's path alone: adding a
//! layer, or walking them in another order, does not change the values of the
//! others. The one exception is VeRA's pair of projections, which must be
//! PyTorch's own numbers (`vera`).
//!
//! Everything here works on row-major values in burn's layout: a weight is
//! `[d_input, d_output]`, `A` is `[d_input, rank]`, `B` is `[rank, d_output]`.
//! `docs/decisions/0011-initial-values.md` has the reasons.

mod decompose;
mod indices;
mod normal;
mod olora;
mod pissa;
mod stream;
#[cfg(test)]
mod testing;
mod truncate;
mod uniform;
mod vera;
mod weight;

pub(crate) use indices::indices;
pub(crate) use normal::{gaussian, standard_normal};
pub(crate) use olora::olora;
pub(crate) use pissa::{pissa, pissa_niter};
pub(crate) use truncate::{Term, truncate_sum};
pub(crate) use uniform::kaiming_uniform;
pub(crate) use vera::vera_projections;
pub(crate) use weight::{Decomposed, Weight};
