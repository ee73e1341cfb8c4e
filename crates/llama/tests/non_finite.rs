//! A NaN or an infinity in one weight is found where it first shows.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_llama::{
    LlamaConfig, LlamaForCausalLM, LoadOptions, Precision, RandomWeights, Segments, load_with,
};
use anneal_peft::{InitLoraWeights, LoraConfig, PromptTuningConfig, TargetModules, attach};
use anneal_testkit::{device, fixture_path};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

fn config(tied: bool) -> LlamaConfig {
    let mut config = LlamaConfig::smollm2_135m();
    (config.vocab_size, config.hidden_size) = (37, 24);
    (config.intermediate_size, config.num_hidden_layers) = (44, 3);
    (config.num_attention_heads, config.num_key_value_heads) = (6, 2);
    config.head_dim = 10;
    (config.attention_bias, config.mlp_bias) = (true, true);
    config.tie_word_embeddings = tied;
    config
}

fn model(config: &LlamaConfig, device: &Device) -> LlamaForCausalLM {
    let mut random = RandomWeights::new(0.2, 5);
    LlamaForCausalLM::from_source(config, &mut random, device).unwrap()
}

/// The paths of all parameters, adapters' too.
#[derive(Default)]
struct Paths {
    stack: Vec<String>,
    found: Vec<String>,
}

impl Paths {
    fn of(model: &LlamaForCausalLM) -> Vec<String> {
        let mut paths = Self::default();
        model.visit(&mut paths);
        paths.found
    }
}

impl ModuleVisitor for Paths {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        self.found.push(self.stack.join("."));
    }
}

/// Writes `value` into one element of one parameter.
struct Plant<'a> {
    path: &'a str,
    at: usize,
    value: f32,
    stack: Vec<String>,
    planted: usize,
}

fn plant(model: &LlamaForCausalLM, path: &str, at: usize, value: f32) -> LlamaForCausalLM {
    let mut plant = Plant {
        path,
        at,
        value,
        stack: vec![],
        planted: 0,
    };
    let model = model.clone().map(&mut plant);
    assert_eq!(plant.planted, 1, "{path}");
    model
}

impl ModuleMapper for Plant<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.stack.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.stack.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.stack.join(".") != self.path {
            return param;
        }
        self.planted += 1;
        param.map(|tensor| {
            let mut values: Vec<f32> = tensor.to_data().iter::<f32>().collect();
            values[self.at] = self.value;
            let data = TensorData::new(values, tensor.shape());
            let required = tensor.is_require_grad();
            let planted = Tensor::<D>::from_data(data, (&tensor.device(), tensor.dtype()));
            planted.set_require_grad(required)
        })
    }
}

/// The piece of the model that a parameter belongs to.
fn piece(path: &str) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    let parts = match parts[..] {
        ["model", "layers", ..] => &parts[..4],
        ["lm_head", ..] => &parts[..1],
        _ => &parts[..2],
    };
    parts.join(".")
}

/// Token 1 occurs, token 30 does not.
const IDS: [[i64; 6]; 2] = [[1, 7, 5, 9, 2, 8], [4, 3, 11, 12, 1, 1]];

fn layouts() -> [Option<Segments>; 2] {
    [None, Some(Segments::new(&[vec![4, 2], vec![5]], 6))]
}

fn find(
    model: &LlamaForCausalLM,
    config: &LlamaConfig,
    segments: Option<&Segments>,
    device: &Device,
) -> Option<String> {
    model.first_non_finite(Tensor::<2, Int>::from_data(IDS, device), segments, config)
}

/// Every parameter in turn is the one at fault.
fn assert_found_everywhere(model: &LlamaForCausalLM, config: &LlamaConfig, device: &Device) {
    for segments in layouts() {
        let find = |model: &LlamaForCausalLM| find(model, config, segments.as_ref(), device);
        assert_eq!(find(model), None);
        for path in Paths::of(model) {
            // In an embedding the row of a token that occurs.
            let at = config.hidden_size + 3;
            let at = if path == "model.embed_tokens.weight" {
                at
            } else {
                0
            };
            for value in [f32::NAN, f32::INFINITY] {
                let found = find(&plant(model, &path, at, value));
                assert_eq!(found, Some(piece(&path)), "{value} in {path}");
            }
        }
    }
}

#[test]
fn the_module_of_any_parameter_is_found() {
    for tied in [true, false] {
        let config = config(tied);
        for device in [device(), device().autodiff()] {
            let model = model(&config, &device);
            let count = Paths::of(&model).len();
            assert_eq!(count, 3 * (2 + 7 * 2) + 2 + usize::from(!tied));
            assert_found_everywhere(&model, &config, &device);
        }
    }
}

#[test]
fn adapters_and_prompts_are_found_where_they_act() {
    let device = device().autodiff();
    let config = config(false);
    let lora = LoraConfig::new(TargetModules::names(["k_proj", "down_proj", "lm_head"]))
        .with_r(2)
        .with_init_lora_weights(InitLoraWeights::Random);
    let adapted = attach(model(&config, &device), &lora, 3).unwrap().0;
    assert_found_everywhere(&adapted, &config, &device);
    let prompt = PromptTuningConfig::new(3);
    let prompted = attach(model(&config, &device), &prompt, 3).unwrap().0;
    assert_found_everywhere(&prompted, &config, &device);
}

#[test]
fn a_row_that_no_token_looks_up_shows_in_a_tied_head_alone() {
    for (tied, expected) in [(true, Some("lm_head")), (false, None)] {
        let config = config(tied);
        let model = model(&config, &device());
        let at = 30 * config.hidden_size;
        let model = plant(&model, "model.embed_tokens.weight", at, f32::NAN);
        for segments in layouts() {
            let found = find(&model, &config, segments.as_ref(), &device());
            assert_eq!(found.as_deref(), expected);
        }
    }
}

#[test]
fn a_sum_that_overflows_is_its_layer() {
    let config = config(true);
    let model = model(&config, &device());
    // Either alone is finite, and a norm makes of such a state zeros.
    let at = config.hidden_size + 3;
    let large = plant(&model, "model.embed_tokens.weight", at, 3e38);
    let both = plant(&large, "model.layers.0.self_attn.o_proj.bias", 3, 3e38);
    let found = find(&both, &config, None, &device());
    assert_eq!(found.as_deref(), Some("model.layers.0"));
}

#[test]
fn narrow_weights_are_looked_through_too() {
    let options = LoadOptions::default().with_precision(Precision::Bf16);
    let loaded = load_with(&fixture_path("tiny-llama"), &options, &device()).unwrap();
    assert_eq!(find(&loaded.model, &loaded.config, None, &device()), None);
    let path = "model.layers.2.mlp.up_proj.weight";
    let model = plant(&loaded.model, path, 5, f32::NEG_INFINITY);
    let found = find(&model, &loaded.config, None, &device());
    assert_eq!(found.as_deref(), Some("model.layers.2.mlp"));
}
