//! The memory of a step with and without a tape, by depth. One test in the
//! file, since the count is the process's.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]
#![allow(
    unsafe_code,
    reason = "counts allocations and leaves them to the system"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anneal_llama::{LlamaConfig, LlamaForCausalLM, RandomWeights};
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules, attach};
use anneal_testkit::device;
use burn::tensor::{Int, Tensor, TensorData};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

const TOKENS: usize = 512;
const HIDDEN: usize = 64;

fn config(layers: usize) -> LlamaConfig {
    let mut config = LlamaConfig::smollm2_135m();
    (config.vocab_size, config.hidden_size) = (64, HIDDEN);
    (config.intermediate_size, config.num_hidden_layers) = (4 * HIDDEN, layers);
    (config.num_attention_heads, config.num_key_value_heads) = (4, 2);
    config.head_dim = HIDDEN / 4;
    config
}

/// Bytes that a step holds at its peak beside what was there before it.
fn peak(layers: usize, tokens: usize, taped: bool) -> f64 {
    let device = device().autodiff();
    let config = config(layers);
    let mut random = RandomWeights::new(0.05, 7);
    let model = LlamaForCausalLM::from_source(&config, &mut random, &device).unwrap();
    let lora = LoraConfig::new(TargetModules::all_linear())
        .with_r(4)
        .with_init_lora_weights(InitLoraWeights::Random);
    let model = attach(model, &lora, 3).unwrap().0;
    let step = || {
        let ids: Vec<i64> = (0..tokens as i64).map(|t| (t * t + 3) % 64).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, tokens]), &device);
        let ints = |values: Vec<i64>| Tensor::<1, Int>::from_data(values.as_slice(), &device);
        let (places, targets) = (
            ints((0..64).collect()),
            ints((1..65).map(|t| t % 64).collect()),
        );
        match taped {
            false => drop(model.token_loss(ids, places, targets, &config).backward()),
            true => {
                let made = model.token_losses_taped(ids, None, places, targets, 0.0, &config);
                let (losses, tape) = made;
                tape.backward(&model, losses.sum().backward(), drop);
            }
        }
    };
    // What is made once (threads, buffers) is not the step's.
    step();
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    step();
    let after = HELD.load(Relaxed);
    assert!(
        after < before + before / 50,
        "a step leaves {} bytes",
        after - before
    );
    (PEAK.load(Relaxed) - before) as f64
}

#[test]
fn memory_grows_with_tokens_and_hardly_with_depth() {
    let [shallow, deep] = [4, 16].map(|layers| peak(layers, TOKENS, true));
    let [whole_shallow, whole_deep] = [4, 16].map(|layers| peak(layers, TOKENS, false));
    let per_layer = (deep - shallow) / 12.0;
    let whole_per_layer = (whole_deep - whole_shallow) / 12.0;
    let figures = format!(
        "with a tape {shallow}, {deep}: {per_layer} a layer; \
         without {whole_shallow}, {whole_deep}: {whole_per_layer} a layer"
    );
    // A block's input, and little beside it.
    let input = (4 * TOKENS * HIDDEN) as f64;
    assert!(per_layer >= 0.9 * input, "this measures nothing: {figures}");
    assert!(per_layer < 1.5 * input, "{figures}");
    // The whole graph keeps about 20 times as much of each, and with the plain twins
    // more than 100 times.
    assert!(whole_per_layer > 10.0 * per_layer, "{figures}");
    assert!(whole_deep > 4.0 * deep, "{figures}");

    // Twice the tokens are twice the inputs. (The one block that is alive grows as
    // its attention does: with the tokens by the CPU's kernel, with their square by
    // the plain twin, which a build without that kernel has.)
    let [shallow, deep] = [4, 16].map(|layers| peak(layers, 2 * TOKENS, true));
    let longer = (deep - shallow) / 12.0;
    assert!(
        (longer / per_layer - 2.0).abs() < 0.2,
        "{longer}; {figures}"
    );
}
