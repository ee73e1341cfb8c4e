//! One tiny model per feature of the architecture against transformers:
//! `crates/testkit/fixtures/rope-and-shapes`.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod formula;

use anneal_llama::{GenerateOptions, LlamaConfig, LlamaForCausalLM, generate};
use anneal_testkit::{
    Fixture, LOGIT_TOLERANCE, assert_close, device, fixture_path, max_difference,
};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

const MODELS: [&str; 13] = [
    "linear",
    "dynamic",
    "llama3",
    "yarn",
    "yarn-mscale",
    "divisors",
    "multi-head",
    "head-dim",
    "attention-bias",
    "mlp-bias",
    "tied",
    "untied",
    "combined",
];
/// The lengths of the fixture's two rows.
const LENGTHS: [usize; 2] = [19, 7];

fn model(name: &str, device: &Device) -> (LlamaForCausalLM, LlamaConfig) {
    let path = fixture_path(&format!("rope-and-shapes/{name}.json"));
    formula::model(&path, device)
}

fn goldens() -> Fixture {
    Fixture::open("rope-and-shapes/goldens.safetensors")
}

/// The two rows without their padding.
fn rows(fixture: &Fixture, name: &str) -> Vec<Vec<i64>> {
    let (shape, ids) = fixture.ints(&format!("{name}/input_ids"));
    let rows = ids.chunks(shape[1]).zip(LENGTHS);
    rows.map(|(row, length)| row[..length].to_vec()).collect()
}

#[test]
fn states_and_logits_equal_those_of_transformers() {
    let (fixture, device) = (goldens(), device());
    for name in MODELS {
        let (model, config) = model(name, &device);
        assert_eq!(
            model.num_params() as u64,
            config.parameter_count(),
            "{name}"
        );
        let (mut states, mut logits) = (Vec::new(), Vec::new());
        for row in rows(&fixture, name) {
            let length = row.len();
            let ids = Tensor::<2, Int>::from_data(TensorData::new(row, [1, length]), &device);
            let hidden = model.hidden_states(ids, &config).squeeze_dim::<2>(0);
            logits.push(model.logits(hidden.clone().narrow(0, length - 4, 4)));
            states.push(hidden);
        }
        for (what, found) in [("hidden_states", states), ("logits", logits)] {
            let expected = fixture.float::<2>(&format!("{name}/{what}"), &device);
            let difference = max_difference(Tensor::cat(found, 0), expected);
            assert!(
                difference < LOGIT_TOLERANCE,
                "{name}: {what} differ by {difference:e}"
            );
        }
    }
}

#[test]
fn greedy_continuations_equal_those_of_transformers() {
    let (fixture, device) = (goldens(), device());
    let options = GenerateOptions {
        max_new_tokens: 10,
        ..GenerateOptions::default()
    };
    for name in MODELS {
        let (model, config) = model(name, &device);
        let (_, expected) = fixture.ints(&format!("{name}/generated_ids"));
        let prompts: Vec<Vec<u32>> = rows(&fixture, name)
            .iter()
            .map(|row| row.iter().map(|&id| id as u32).collect())
            .collect();
        // Together as well: with dynamic scaling each row has its own angles.
        let mut found = generate(&model, &config, &prompts, &options, &device).unwrap();
        for prompt in &prompts {
            let alone = [prompt.clone()];
            found.extend(generate(&model, &config, &alone, &options, &device).unwrap());
        }
        assert_eq!(found.len(), 4);
        for (found, expected) in found.iter().zip(expected.chunks(10).cycle()) {
            let ids = found.token_ids.iter().map(|&id| i64::from(id));
            assert_eq!(ids.collect::<Vec<_>>(), expected, "{name}");
        }
    }
}

#[test]
fn gradients_of_an_unfrozen_model_equal_those_of_transformers() {
    let device = device().autodiff();
    let (model, config) = model("combined", &device);
    let model = model.unfreeze();
    let fixture = goldens();
    let (shape, ids) = fixture.ints("combined/loss_ids");
    let width = shape[1] as i64;
    // Every token after a row's first is a target.
    let places: Vec<i64> = (0..ids.len() as i64)
        .filter(|place| (place + 1) % width != 0)
        .collect();
    let targets: Vec<i64> = places.iter().map(|&at| ids[at as usize + 1]).collect();
    let int = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
    let ids = fixture.int::<2>("combined/loss_ids", &device);
    let loss = model.token_loss(ids, int(&places), int(&targets), &config);
    let expected = fixture.float::<1>("combined/loss_sum", &device);
    assert_close(loss.clone().inner(), expected.inner(), 1e-5);

    let gradients = loss.backward();
    let [first, second] = &model.model.layers[..] else {
        panic!("the fixture has two layers");
    };
    let bias = |linear: &burn::nn::Linear| linear.bias.as_ref().unwrap().val();
    let vectors = [
        ("model.norm.weight", model.model.norm.weight.val()),
        (
            "model.layers.0.input_layernorm.weight",
            first.input_layernorm.weight.val(),
        ),
        (
            "model.layers.1.post_attention_layernorm.weight",
            second.post_attention_layernorm.weight.val(),
        ),
        (
            "model.layers.0.self_attn.v_proj.bias",
            bias(&first.self_attn.v_proj),
        ),
        (
            "model.layers.1.self_attn.o_proj.bias",
            bias(&second.self_attn.o_proj),
        ),
        ("model.layers.0.mlp.up_proj.bias", bias(&first.mlp.up_proj)),
    ];
    let embedding = model.model.embed_tokens.weight.val();
    let matrices = [
        // Once as the embedding, once as the head.
        ("model.embed_tokens.weight", embedding, false),
        (
            "model.layers.1.self_attn.q_proj.weight",
            second.self_attn.q_proj.weight.val(),
            true,
        ),
        (
            "model.layers.0.self_attn.k_proj.weight",
            first.self_attn.k_proj.weight.val(),
            true,
        ),
        (
            "model.layers.1.mlp.down_proj.weight",
            second.mlp.down_proj.weight.val(),
            true,
        ),
    ];
    let stored = fixture.names();
    let stored = stored.iter().filter(|n| n.contains("/gradients/")).count();
    assert_eq!(stored, vectors.len() + matrices.len());
    for (name, parameter) in vectors {
        assert_gradient(&fixture, name, parameter.grad(&gradients).unwrap());
    }
    for (name, parameter, linear) in matrices {
        let gradient = parameter.grad(&gradients).unwrap();
        // burn's linear weight is [in, out], PyTorch's [out, in].
        let gradient = if linear {
            gradient.transpose()
        } else {
            gradient
        };
        assert_gradient(&fixture, name, gradient);
    }
}

fn assert_gradient<const D: usize>(fixture: &Fixture, name: &str, found: Tensor<D>) {
    let name = format!("combined/gradients/{name}");
    let expected = fixture.float::<D>(&name, &device());
    let largest = max_difference(expected.clone(), expected.zeros_like());
    let relative = max_difference(found, expected) / largest;
    assert!(
        relative < 1e-4,
        "{name} is off by {relative:e} of its largest"
    );
}
