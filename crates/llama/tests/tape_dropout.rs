//! Dropout is replayed: a recomputed block sees the masks that its forward pass
//! saw. One test in the file, since the generator is the process's.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod every_method;
mod gradients;

use anneal_llama::{BlockTape, LlamaForCausalLM, LoadedModel, load};
use anneal_peft::{AdapterConfig, LoraConfig, VeraConfig, attach};
use anneal_testkit::{assert_close, device, fixture_path, max_difference, random};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Int, Tensor};
use every_method::{IDS, PLACES, TARGETS, lora, names};
use gradients::Parts;

fn inputs(device: &Device) -> (Tensor<2, Int>, Tensor<1, Int>, Tensor<1, Int>) {
    (
        Tensor::from_data(IDS, device),
        Tensor::from_data(PLACES, device),
        Tensor::from_data(TARGETS, device),
    )
}

fn whole(loaded: &LoadedModel, model: &LlamaForCausalLM, device: &Device) -> Tensor<1> {
    let (ids, places, targets) = inputs(device);
    model.token_loss(ids, places, targets, &loaded.config)
}

fn taped(loaded: &LoadedModel, device: &Device) -> (Tensor<1>, BlockTape) {
    let (ids, places, targets) = inputs(device);
    let (losses, tape) =
        loaded
            .model
            .token_losses_taped(ids, None, places, targets, 0.0, &loaded.config);
    (losses.sum(), tape)
}

/// Moves what is trained by `step` along a direction that depends on its place.
struct Move {
    step: f64,
    number: u64,
}

impl Move {
    fn along(model: &LlamaForCausalLM, step: f64) -> LlamaForCausalLM {
        model.clone().map(&mut Self { step, number: 0 })
    }

    fn direction<const D: usize>(&mut self, like: &Tensor<D>) -> Tensor<D> {
        self.number += 1;
        random(like.dims(), 1.0, self.number, &device())
    }
}

impl ModuleMapper for Move {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        let step = self.step;
        let direction = self.direction(&param.base()).mul_scalar(step);
        param.map(|value| Tensor::from_inner(value.inner() + direction).require_grad())
    }
}

/// Sums `gradient · direction` over what is trained.
struct Slope<'a> {
    gradients: &'a burn::tensor::Gradients,
    moves: Move,
    sum: f64,
}

impl burn::module::ModuleVisitor for Slope<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        let direction = self.moves.direction(&param.base());
        if let Some(gradient) = param.base().grad(self.gradients) {
            let product: f64 = (gradient * direction).sum().into_scalar();
            self.sum += product;
        }
    }
}

fn slope(model: &LlamaForCausalLM, loss: Tensor<1>, tape: BlockTape) -> f64 {
    let mut sum = 0.0;
    tape.backward(model, loss.backward(), |part| {
        let moves = Move {
            step: 0.0,
            number: 0,
        };
        let mut slope = Slope {
            gradients: &part,
            moves,
            sum: 0.0,
        };
        model.visit(&mut slope);
        sum += slope.sum;
    });
    sum
}

#[test]
fn masks_are_drawn_again_as_they_were() {
    let device = device().autodiff();
    let linear = ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"];
    let dropping = |config: LoraConfig| AdapterConfig::Lora(config.with_lora_dropout(0.3));
    let vera = VeraConfig {
        init_weights: false,
        vera_dropout: 0.3,
        ..VeraConfig::new(names(linear)).with_r(4)
    };
    let methods = [
        ("lora", dropping(lora(linear))),
        ("dora", dropping(lora(linear).with_use_dora(true))),
        ("head", dropping(lora(["k_proj", "lm_head"]))),
        ("vera", vera.into()),
    ];
    for fixture in ["tiny-llama", "tiny-llama-untied"] {
        for (name, config) in methods.clone() {
            let what = format!("{fixture}, {name}");
            let mut loaded = load(&fixture_path(fixture), &device).unwrap();
            loaded.model = attach(loaded.model, config, 7).unwrap().0;
            let model = &loaded.model;

            // With one seed both ways draw the same masks, whatever came between.
            device.seed(5);
            let loss = whole(&loaded, model, &device);
            let expected = Parts::of_whole(model, loss.clone());
            device.seed(5);
            let (found, tape) = taped(&loaded, &device);
            assert_close(found.clone().inner(), loss.clone().inner(), 0.0);
            drop(Tensor::<1>::random(
                [7],
                burn::tensor::Distribution::Default,
                &device,
            ));
            let found = Parts::of_blocks(model, found, tape);
            found.assert_equal(&expected, 0.0, &what);

            // The next pass draws others, without a new seed too.
            let (next, tape) = taped(&loaded, &device);
            let other = Parts::of_blocks(model, next.clone(), tape);
            assert!(max_difference(next.inner(), loss.inner()) > 1e-4, "{what}");
            assert!(other.0 != expected.0, "{what}");

            // And they are the gradients of the loss under these masks. DoRA's are not: it
            // takes the norm of its weight for a constant.
            if name == "dora" {
                continue;
            }
            device.seed(5);
            let (found, tape) = taped(&loaded, &device);
            let slope = slope(model, found, tape);
            let step = 1e-3;
            let at = |step: f64| -> f64 {
                device.seed(5);
                let moved = Move::along(model, step);
                whole(&loaded, &moved, &device).inner().into_scalar()
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let off = (slope - difference).abs() / difference.abs().max(1.0);
            assert!(off < 2e-2, "{what}: {slope} against {difference}");
        }
    }
}
