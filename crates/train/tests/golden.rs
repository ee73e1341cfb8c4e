//! LoRA+ and the schedules against PEFT, torch and transformers (`golden/generate.py`).
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::path::Path;

use anneal_train::{
    AdamWConfig, Budget, Decay, LoraPlus, ParameterGroup, Schedule, Scheduler, Spent, TokenLoss,
    Trainer, TrainerConfig, Warmup, assign_groups, trained_parameters,
};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    loraplus: LoraPlusCase,
    schedules: Vec<ScheduleCase>,
}

#[derive(Deserialize)]
struct LoraPlusCase {
    settings: Settings,
    ids: Vec<i64>,
    start: BTreeMap<String, Vec<f64>>,
    end: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Settings {
    lr: f64,
    ratio: f64,
    embedding_lr: f64,
    decay: f64,
    steps: u64,
    scale: f64,
}

#[derive(Deserialize)]
struct ScheduleCase {
    decay: Decay,
    warmup: f64,
    total: u64,
    min_lr_ratio: f64,
    factors: Vec<f64>,
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/golden.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[derive(Module, Debug)]
struct Net {
    embed_tokens: Embed,
    proj: Proj,
}

#[derive(Module, Debug)]
struct Embed {
    weight: Param<Tensor<2>>,
    lora: Factors,
}

#[derive(Module, Debug)]
struct Proj {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    lora: Factors,
}

/// In PEFT's orientation.
#[derive(Module, Debug)]
struct Factors {
    a: Param<Tensor<2>>,
    b: Param<Tensor<2>>,
}

impl Net {
    fn new(case: &LoraPlusCase, device: &Device) -> Self {
        let matrix = |name: &str, shape: [usize; 2], trained: bool| {
            let values: Vec<f32> = case.start[name].iter().map(|&v| v as f32).collect();
            let tensor = Tensor::<2>::from_data(TensorData::new(values, shape), device);
            Param::from_tensor(tensor).set_require_grad(trained)
        };
        let bias: Vec<f32> = case.start["bias"].iter().map(|&v| v as f32).collect();
        Self {
            embed_tokens: Embed {
                weight: matrix("embed", [6, 4], false),
                lora: Factors {
                    a: matrix("embed_a", [2, 6], true),
                    b: matrix("embed_b", [4, 2], true),
                },
            },
            proj: Proj {
                weight: matrix("weight", [3, 4], false),
                bias: Param::from_tensor(Tensor::from_floats(bias.as_slice(), device)),
                lora: Factors {
                    a: matrix("proj_a", [2, 4], true),
                    b: matrix("proj_b", [3, 2], true),
                },
            },
        }
    }

    fn loss(&self, ids: &Tensor<1, Int>, scale: f64) -> TokenLoss {
        let Embed { weight, lora } = &self.embed_tokens;
        let rows = |matrix: Tensor<2>| matrix.select(0, ids.clone());
        let change = rows(lora.a.val().transpose()).matmul(lora.b.val().transpose());
        let x = (rows(weight.val()) + change * scale).tanh();
        let Proj { weight, bias, lora } = &self.proj;
        let change = x.clone().matmul(lora.a.val().transpose());
        let change = change.matmul(lora.b.val().transpose()) * scale;
        let y = x.matmul(weight.val().transpose()) + bias.val().unsqueeze() + change;
        TokenLoss::new(y.square().sum(), ids.dims()[0])
    }
}

fn run(case: &LoraPlusCase, groups: Vec<ParameterGroup>) -> f64 {
    let device = anneal_testkit::device().autodiff();
    let mut model = Net::new(case, &device);
    let settings = &case.settings;
    let config = TrainerConfig {
        optimizer: AdamWConfig {
            learning_rate: settings.lr,
            weight_decay: settings.decay,
            ..AdamWConfig::default()
        }
        .into(),
        groups,
        schedule: Schedule {
            decay: Decay::Constant,
            ..Schedule::default()
        },
        max_grad_norm: None,
        budget: Budget {
            max_steps: Some(settings.steps),
            ..Budget::default()
        },
    };
    let mut trainer = Trainer::new(&config, 0).unwrap();
    let ids = Tensor::<1, Int>::from_data(case.ids.as_slice(), &device);
    while !trainer.is_finished() {
        let loss = |model: &Net, ids: &Tensor<1, Int>| model.loss(ids, settings.scale);
        trainer
            .step(&mut model, std::slice::from_ref(&ids), loss)
            .unwrap();
    }
    let embed = &model.embed_tokens.lora;
    let proj = &model.proj.lora;
    let found = [
        ("embed_a", embed.a.val().into_data()),
        ("embed_b", embed.b.val().into_data()),
        ("proj_a", proj.a.val().into_data()),
        ("proj_b", proj.b.val().into_data()),
        ("bias", model.proj.bias.val().into_data()),
    ];
    // The largest difference by how far the parameter went.
    let errors = found.iter().map(|(name, data)| {
        let (start, end) = (&case.start[*name], &case.end[*name]);
        let values = data.iter::<f64>().zip(end);
        let error = values.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let moved = start.iter().zip(end).map(|(a, b)| (a - b).abs());
        error / moved.fold(0.0, f64::max)
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn loraplus_equals_peft_with_torchs_adamw() {
    let case = golden().loraplus;
    let Settings {
        lr,
        ratio,
        embedding_lr,
        ..
    } = case.settings;
    let loraplus = LoraPlus {
        embedding_learning_rate: embedding_lr,
        ..LoraPlus::new(ratio)
    };
    let groups = loraplus.groups(lr).unwrap();
    // f32 against f64: parameters below 2 are rounded five times (2⁻²⁴ each), and those of the
    // embedding go 0.016 only.
    let error = run(&case, groups.clone());
    assert!(error < 5.0 * 2f64.powi(-24) / 0.016 + 1e-5, "{error}");
    // Without any one of the groups it is another training.
    for left_out in 0..groups.len() {
        let mut others = groups.clone();
        others.remove(left_out);
        let error = run(&case, others);
        assert!(error > 0.1, "without group {left_out}: {error}");
    }
}

#[test]
fn every_parameter_of_the_case_is_in_its_group() {
    let case = golden().loraplus;
    let model = Net::new(&case, &anneal_testkit::device().autodiff());
    let groups = LoraPlus::new(8.0).groups(0.02).unwrap();
    let assigned = assign_groups(&groups, &trained_parameters(&model)).unwrap();
    let found: Vec<_> = assigned
        .iter()
        .map(|(path, a)| (path.as_str(), a.group))
        .collect();
    let expected = [
        ("embed_tokens.lora.a", Some(0)),
        ("embed_tokens.lora.b", Some(0)),
        ("proj.bias", Some(2)),
        ("proj.lora.a", None),
        ("proj.lora.b", Some(1)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn schedules_equal_transformers() {
    let cases = golden().schedules;
    assert_eq!(cases.len(), 9);
    for case in cases {
        let name = format!("{:?} {} of {}", case.decay, case.warmup, case.total);
        let schedule = Schedule {
            decay: case.decay,
            warmup: if case.warmup.fract() == 0.0 {
                Warmup::Steps(case.warmup as u64)
            } else {
                Warmup::Ratio(case.warmup)
            },
            min_lr_ratio: case.min_lr_ratio,
        };
        let budget = Budget {
            max_steps: Some(case.total),
            ..Budget::default()
        };
        let limits = budget.limits(0).unwrap();
        let mut scheduler = Scheduler::new(schedule, limits).unwrap();
        let mut factor = |steps| {
            scheduler.factor(Spent {
                steps,
                ..Spent::default()
            })
        };
        assert_eq!(case.factors.len() as u64, case.total + 1);
        for (step, expected) in case.factors.iter().enumerate() {
            let factor = factor(step as u64);
            let close = (factor - expected).abs() < 1e-14;
            assert!(close, "{name}, step {step}: {factor} against {expected}");
        }
        // Past the end it stays.
        let end = case.factors[case.total as usize];
        for step in [1, 2, 5, 40] {
            assert!((factor(case.total + step) - end).abs() < 1e-14, "{name}");
        }
    }
}
