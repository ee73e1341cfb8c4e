//! burn's optimisers in the trainer: they train, each its own way, and resume to the bit.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::path::Path;

use anneal_train::checkpoint::{self, DataPosition};
use anneal_train::{
    AdamConfig, AdamW, AdamWConfig, MuonAdjust, MuonConfig, OptimizerConfig, ParameterGroup,
    ParameterUpdate, RmsPropConfig, SgdConfig, Trainer, TrainerConfig, trained_parameters,
};
use burn::optim::{self, Optimizer as _};
use burn::tensor::Tensor;
use common::{Mlp, config, micro_batches, values};

/// Every optimiser with settings that use all of its state.
fn optimizers() -> Vec<OptimizerConfig> {
    let mut all: Vec<OptimizerConfig> = OptimizerConfig::all()
        .into_iter()
        .map(|config| match config {
            OptimizerConfig::Adam(settings) => OptimizerConfig::Adam(AdamConfig {
                amsgrad: true,
                ..settings
            }),
            OptimizerConfig::Sgd(settings) => OptimizerConfig::Sgd(SgdConfig {
                dampening: 0.1,
                nesterov: true,
                ..settings
            }),
            OptimizerConfig::RmsProp(settings) => OptimizerConfig::RmsProp(RmsPropConfig {
                centered: true,
                momentum: 0.5,
                ..settings
            }),
            OptimizerConfig::Muon(settings) => OptimizerConfig::Muon(MuonConfig {
                adamw_patterns: vec![r"down\.weight".into()],
                ..settings
            }),
            other => other,
        })
        .collect();
    // Without a velocity burn's gradient descent has an empty state.
    all.push(OptimizerConfig::Sgd(SgdConfig {
        momentum: 0.0,
        ..SgdConfig::default()
    }));
    let rated = |c: OptimizerConfig| c.with_learning_rate(0.02).with_weight_decay(0.1);
    all.into_iter().map(rated).collect()
}

fn settings(optimizer: OptimizerConfig) -> TrainerConfig {
    TrainerConfig {
        optimizer,
        groups: vec![
            ParameterGroup {
                weight_decay: Some(0.3),
                ..ParameterGroup::new(r"up\..*")
            }
            .with_learning_rate_ratio(0.5),
        ],
        ..config(12)
    }
}

fn run(trainer: &mut Trainer, model: &mut Mlp, steps: u64) -> Vec<f64> {
    let device = anneal_testkit::device();
    (0..steps)
        .map(|_| {
            let batches = micro_batches(trainer.steps(), &device);
            trainer.step(model, &batches, Mlp::loss).unwrap().loss
        })
        .collect()
}

fn save(root: &Path, trainer: &Trainer, model: &Mlp) -> std::path::PathBuf {
    let state = trainer.state(DataPosition::default(), "x");
    checkpoint::save(root, model, trainer.optimizer(), &state, 2).unwrap()
}

fn all_values(model: &Mlp) -> Vec<Vec<f32>> {
    vec![
        values(model.up.weight.val()),
        values(model.up.bias.as_ref().unwrap().val()),
        values(model.down.weight.val()),
        values(model.down.bias.as_ref().unwrap().val()),
    ]
}

#[test]
fn each_resumes_to_the_bit() {
    let device = anneal_testkit::device().autodiff();
    for optimizer in optimizers() {
        let name = optimizer.name();
        let settings = settings(optimizer);
        let new = || Trainer::new(&settings, 0).unwrap();
        let (mut straight, mut trainer) = (Mlp::new(1, &device), new());
        let losses = run(&mut trainer, &mut straight, 12);

        let root = tempfile::tempdir().unwrap();
        let folder = {
            let (mut model, mut trainer) = (Mlp::new(1, &device), new());
            run(&mut trainer, &mut model, 6);
            save(root.path(), &trainer, &model)
        };
        let (mut model, mut resumed) = (Mlp::new(2, &device), new());
        resumed.restore(&folder, &mut model, "x").unwrap();
        assert_eq!(run(&mut resumed, &mut model, 6), losses[6..], "{name}");
        assert_eq!(all_values(&model), all_values(&straight), "{name}");
        for p in trained_parameters(&model) {
            let [a, b] = [&resumed, &trainer].map(|t| t.optimizer().state(&p.path, &p.shape));
            assert_eq!(a, b, "{name} {}", p.path);
        }

        // The state matters: with a new one the same steps end elsewhere.
        let (mut model, mut forgetful) = (Mlp::new(2, &device), new());
        forgetful.restore(&folder, &mut model, "x").unwrap();
        forgetful = forgetful.with_optimizer(settings.optimizer.build().unwrap());
        run(&mut forgetful, &mut model, 6);
        let stateless = matches!(&settings.optimizer, OptimizerConfig::Sgd(s) if s.momentum == 0.0);
        let same = all_values(&model) == all_values(&straight);
        assert_eq!(same, stateless, "{name}");
    }
}

/// Three updates of a matrix and a vector, through the trait and by burn's own.
fn equals_burns<O: optim::Optimizer>(config: &OptimizerConfig, burns: &O, decayed: &O) {
    let device = anneal_testkit::device();
    let random = |n, seed| anneal_testkit::random::<1>([n], 1.0, seed, &device);
    let mut ours = config.build().unwrap();
    let (mut matrix, mut vector) = (random(15, 1), random(4, 2));
    let (mut burn_matrix, mut burn_vector) = (matrix.clone().reshape([3, 5]), vector.clone());
    let (mut matrix_state, mut vector_state) = (None, None);
    for step in 0..3 {
        let (g, h) = (random(15, 10 + step), random(4, 20 + step));
        let rate = 0.1 / (1.0 + step as f64);
        let mut update = |path, shape: &[usize], value, gradient, weight_decay| {
            ours.update(ParameterUpdate {
                path,
                shape,
                value,
                gradient,
                learning_rate: rate,
                weight_decay,
            })
        };
        matrix = update("matrix", &[3, 5], matrix, g.clone(), None);
        vector = update("vector", &[4], vector, h.clone(), Some(0.0));
        let g = g.reshape([3, 5]);
        (burn_matrix, matrix_state) = decayed.step(rate, burn_matrix, g, matrix_state);
        (burn_vector, vector_state) = burns.step(rate, burn_vector, h, vector_state);
        let name = config.name();
        assert_eq!(
            values(matrix.clone()),
            values(burn_matrix.clone()),
            "{name}"
        );
        assert_eq!(
            values(vector.clone()),
            values(burn_vector.clone()),
            "{name}"
        );
    }
}

#[test]
fn the_arithmetic_is_burns() {
    let config = |name: &str| {
        let config = OptimizerConfig::named(name).unwrap();
        config.with_weight_decay(0.25)
    };
    let lion = |decay| optim::LionConfig::new().with_weight_decay(decay).build();
    equals_burns(&config("lion"), &lion(0.0), &lion(0.25));
    let adafactor = |decay| {
        let config = optim::AdafactorConfig::new().with_weight_decay(decay);
        config
            .with_relative_step(false)
            .with_scale_parameter(false)
            .build()
    };
    equals_burns(&config("adafactor"), &adafactor(0.0), &adafactor(0.25));
    let rms = |decay| {
        optim::RmsPropConfig::new()
            .with_momentum(0.0)
            .with_epsilon(1e-8)
            .with_weight_decay(decay)
            .build()
    };
    let decay = optim::decay::WeightDecayConfig::new(0.25);
    equals_burns(&config("rmsprop"), &rms(None), &rms(Some(decay)));
}

#[test]
fn muon_takes_the_matrices_and_adamw_the_rest() {
    let adamw = AdamWConfig {
        learning_rate: 0.02,
        weight_decay: 0.5,
        ..AdamWConfig::default()
    };
    let muon = MuonConfig {
        learning_rate: 0.1,
        weight_decay: 0.25,
        adjust: MuonAdjust::Original,
        adamw_patterns: vec![".*head".into()],
        adamw: adamw.clone(),
        ..MuonConfig::default()
    };
    let mut muon = OptimizerConfig::Muon(muon).build().unwrap();
    let device = anneal_testkit::device();
    let random = |seed| anneal_testkit::random::<1>([12], 1.0, seed, &device);
    let (value, gradient) = (random(1), random(2));
    let mut update = |path, shape: &[usize]| {
        let updated = muon.update(ParameterUpdate {
            path,
            shape,
            value: value.clone(),
            gradient: gradient.clone(),
            // Half of the peak.
            learning_rate: 0.05,
            weight_decay: None,
        });
        values(updated)
    };
    let (matrix, head, vector) = (
        update("up.weight", &[4, 3]),
        update("lm_head", &[4, 3]),
        update("up.bias", &[12]),
    );

    let burns = optim::MuonConfig::new()
        .with_weight_decay(Some(optim::decay::WeightDecayConfig::new(0.25)))
        .build();
    let shaped = |t: &Tensor<1>| t.clone().reshape([4, 3]);
    let (expected, _) = burns.step(0.05, shaped(&value), shaped(&gradient), None);
    assert_eq!(matrix, values(expected));

    let mut adamw = AdamW::new(adamw).unwrap();
    let decayed = adamw.update("head", shaped(&value), gradient.clone(), 0.01);
    assert_eq!(head, values(decayed));
    let bare = adamw.update("bias", value.clone(), gradient.clone(), 0.01);
    assert_eq!(vector, values(bare));
}

#[test]
fn muon_orthogonalises() {
    let device = anneal_testkit::device();
    let mut muon = OptimizerConfig::named("muon").unwrap().build().unwrap();
    let updated = muon.update(ParameterUpdate {
        path: "weight",
        shape: &[2, 3],
        value: Tensor::zeros([6], &device),
        gradient: anneal_testkit::random([6], 1.0, 3, &device),
        learning_rate: 1.0,
        weight_decay: None,
    });
    let u = updated.reshape([2, 3]);
    let gram = values(u.clone().matmul(u.transpose()));
    // 0.2·√3 times a matrix whose singular values five iterations bring between 0.7 and 1.2.
    let scale = 0.04 * 3.0;
    assert!((0.4 * scale..1.5 * scale).contains(&gram[0]), "{gram:?}");
    assert!((0.4 * scale..1.5 * scale).contains(&gram[3]), "{gram:?}");
    assert!(gram[1].abs() < 0.6 * scale, "{gram:?}");
}

#[test]
fn another_optimisers_state_and_a_damaged_one_are_refused() {
    let device = anneal_testkit::device().autodiff();
    let settings = settings(OptimizerConfig::named("lion").unwrap());
    let (mut model, mut trainer) = (Mlp::new(1, &device), Trainer::new(&settings, 0).unwrap());
    run(&mut trainer, &mut model, 2);
    let root = tempfile::tempdir().unwrap();
    let folder = save(root.path(), &trainer, &model);

    let mut other = Trainer::new(&config(12), 0).unwrap();
    let error = other.restore(&folder, &mut model, "x").unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("was written with the optimiser lion, this run's is adamw"),
        "{message}"
    );

    let path = folder.join("optimizer.safetensors");
    let whole = std::fs::read(&path).unwrap();
    type Change<'a> = &'a dyn Fn(&str, Vec<usize>) -> Option<Vec<usize>>;
    let rewrite = |change: Change<'_>| {
        let file = safetensors::SafeTensors::deserialize(&whole).unwrap();
        let kept = file.iter().filter_map(|(name, view)| {
            let shape = change(name, view.shape().to_vec())?;
            let bytes =
                &view.data()[..shape.iter().product::<usize>() * view.dtype().bitsize() / 8];
            let view = safetensors::tensor::TensorView::new(view.dtype(), shape, bytes).unwrap();
            Some((name, view))
        });
        std::fs::write(&path, safetensors::serialize(kept, None).unwrap()).unwrap();
    };
    let before = all_values(&model);
    let mut attempt = || {
        trainer
            .restore(&folder, &mut model, "x")
            .unwrap_err()
            .to_string()
    };
    rewrite(&|name, shape| (name != "up.bias.state.momentum").then_some(shape));
    let message = attempt();
    assert!(
        message.contains("missing `up.bias.state.momentum`"),
        "{message}"
    );
    rewrite(&|name, shape| (name != "down.bias.step").then_some(shape));
    let message = attempt();
    assert!(
        message.contains("missing `down.bias.step`; unexpected `down.bias.state.momentum`"),
        "{message}"
    );
    // It would broadcast without a word.
    rewrite(&|name, shape| match name {
        "up.weight.state.momentum" => Some(vec![1, shape[1]]),
        _ => Some(shape),
    });
    let message = attempt();
    assert!(
        message.contains("`up.weight.state.momentum` is f32 [1, 7], expected f32 [5, 7]"),
        "{message}"
    );
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(all_values(&model), before);
    trainer.restore(&folder, &mut model, "x").unwrap();
}
