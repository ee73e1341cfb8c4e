//! Several named adapters on one module.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    AdapterConfig, Adapters, InitLoraWeights, LoraConfig, PeftError, Status, TargetModules,
    adapter_tensors_of, adapters, add_adapter, attach, disabled, load_adapter_as, remove_adapter,
    save_adapter, save_adapter_as, set_active,
};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams},
    tensor::Tensor,
};
use common::{Mlp, adapted, cases::cases, config, lora, loss, randomize, retrain};

/// Bit for bit.
fn same(a: Tensor<2>, b: Tensor<2>) -> bool {
    a.into_data() == b.into_data()
}

fn x() -> Tensor<2> {
    random([6, 7], 1.0, 3, &device())
}

/// Two adapters that do something, the first of them active.
fn two(device: &burn::tensor::Device) -> Mlp {
    let other = LoraConfig::new(TargetModules::names(["down", "lm_head"])).with_r(2);
    let net = adapted(config().with_lora_dropout(0.5), device);
    let (net, _) = add_adapter(net, "other", other, 6).unwrap();
    randomize(net, 4)
}

#[test]
fn a_second_adapter_waits_to_be_switched_on() {
    let net = adapted(config(), &device());
    let before = net.forward_adapted(x());
    let second = LoraConfig::new(TargetModules::names(["down", "lm_head"]))
        .with_r(2)
        .with_init_lora_weights(InitLoraWeights::Random);
    let (net, report) = add_adapter(net, "other", &second, 6).unwrap();
    assert_eq!(report.trainable_params, 2 * (11 + 5) + 2 * (5 + 3));
    assert!(same(net.forward_adapted(x()), before.clone()));

    let found = adapters(&net);
    let told: Vec<_> = found
        .iter()
        .map(|info| (info.name.as_str(), info.status, info.modules.join(" ")))
        .collect();
    assert_eq!(
        told,
        [
            ("default", Status::Active, "down up".to_string()),
            ("other", Status::Inactive, "down lm_head".to_string()),
        ]
    );
    assert_eq!(found[1].config, AdapterConfig::from(second));

    let net = set_active(net, &["other"]).unwrap();
    assert!(max_difference(net.forward_adapted(x()), before.clone()) > 0.05);
    let net = set_active(net, &["default"]).unwrap();
    assert!(same(net.forward_adapted(x()), before));
}

#[test]
fn the_first_adapter_of_any_name_is_active() {
    let (net, _) = add_adapter(Mlp::new(&device()), "sql", config(), 5).unwrap();
    assert_eq!(adapters(&net)[0].status, Status::Active);
    // The values are the seed's and the path's, not the name's.
    let (default, _) = attach(Mlp::new(&device()), config(), 5).unwrap();
    assert_eq!(
        adapter_tensors_of(&net, "sql"),
        adapter_tensors_of(&default, "default")
    );
    assert!(adapter_tensors_of(&net, "default").is_empty());
}

#[test]
fn only_active_adapters_are_trained() {
    let device = device().autodiff();
    let mut net = two(&device);
    let mut optimizer = AdamConfig::new().init();
    for (active, idle) in [("default", "other"), ("other", "default")] {
        net = set_active(net, &[active]).unwrap();
        let before = [active, idle].map(|name| adapter_tensors_of(&net, name));
        let input = random([6, 7], 1.0, 3, &device);
        let grads = loss(net.forward_adapted(input)).backward();
        let grads = GradientsParams::from_grads(grads, &net);
        assert_eq!(grads.len(), 4, "{active}");
        net = optimizer.step(0.1, net, grads);
        let after = [active, idle].map(|name| adapter_tensors_of(&net, name));
        assert_eq!(after[1], before[1], "{idle} was trained");
        for (key, values) in &after[0] {
            assert_ne!(*values, before[0][key], "{key} was not trained");
        }
    }
}

#[test]
fn switching_leaves_dropout_on() {
    let device = device().autodiff();
    let net = set_active(two(&device), &["other"]).unwrap();
    let net = set_active(net, &["default"]).unwrap();
    let input = random([6, 7], 1.0, 3, &device);
    let [first, second] = [0, 1].map(|_| net.forward_adapted(input.clone()).inner());
    assert!(!same(first, second), "two masks are one");
    assert!(lora(&net.up).dropout.training.is_enabled());
}

#[test]
fn disabled_is_the_base_bit_for_bit_and_changes_nothing() {
    for (name, config) in cases() {
        let changes_base = matches!(&config, AdapterConfig::Lora(lora)
            if lora.init_lora_weights.changes_base());
        let device = device().autodiff();
        let start = Mlp::new(&device);
        let base = start.forward(random([6, 7], 1.0, 3, &device)).inner();
        let (net, _) = attach(start, config, 5).unwrap();
        let net = retrain(net, 0.5);
        let x = random([6, 7], 1.0, 3, &device);
        let before = net.forward_adapted(x.clone()).inner();
        let off = disabled(&net).unwrap();
        for y in [off.forward_adapted(x.clone()), off.forward(x.clone())] {
            let y = y.inner();
            if changes_base {
                assert_close(y, base.clone(), 2e-6);
            } else {
                assert!(same(y, base.clone()), "{name}");
            }
        }
        assert!(max_difference(before.clone(), base) > 1e-2, "{name}");
        assert!(
            same(net.forward_adapted(x.clone()).inner(), before),
            "{name}"
        );
        // The reference takes no gradient; the module goes on being trained.
        let grads = loss(off.forward_adapted(x.clone().require_grad())).backward();
        assert!(
            anneal_peft::adapter_gradients(&net, &grads).is_empty(),
            "{name}"
        );
        let grads = loss(net.forward_adapted(x)).backward();
        let trained = anneal_peft::adapter_tensors(&net).len();
        let found = anneal_peft::adapter_gradients(&net, &grads).len();
        assert_eq!(found, trained, "{name}");
    }
}

#[test]
fn the_last_adapter_taken_off_leaves_a_bare_module() {
    for (name, config) in cases() {
        let changes_base = matches!(&config, AdapterConfig::Lora(lora)
            if lora.init_lora_weights.changes_base());
        let start = Mlp::new(&device());
        let (net, _) = attach(start.clone(), config, 5).unwrap();
        let net = remove_adapter(retrain(net, 0.5), "default").unwrap();
        assert!(adapters(&net).is_empty(), "{name}");
        assert_eq!(net.num_params(), start.num_params(), "{name}");
        for (bare, before) in [(&net.up, &start.up), (&net.down, &start.down)] {
            assert!(bare.weight.reparameterization::<Adapters>().is_none());
            let (now, then) = (bare.weight.val(), before.weight.val());
            if changes_base {
                // W - D + D in f32: each sum is rounded once.
                assert_close(now, then, 4.0 * 2f64.powi(-24));
            } else {
                assert!(same(now, then), "{name}");
            }
        }
    }
}

#[test]
fn one_of_several_can_be_taken_off() {
    let net = two(&device());
    let before = net.forward_adapted(x());
    let net = remove_adapter(net, "other").unwrap();
    assert!(same(net.forward_adapted(x()), before));
    assert_eq!(adapters(&net).len(), 1);
    // The active one taken off, none is active.
    let net = remove_adapter(two(&device()), "default").unwrap();
    assert_eq!(adapters(&net)[0].status, Status::Inactive);
    assert!(same(
        net.forward_adapted(x()),
        disabled(&net).unwrap().forward(x())
    ));
}

#[test]
fn two_adapters_that_take_from_the_weight_don_t_meet() {
    let start = Mlp::new(&device());
    let base = start.forward(x());
    let pissa = config().with_init_lora_weights(InitLoraWeights::Pissa);
    let olora = config()
        .with_r(2)
        .with_init_lora_weights(InitLoraWeights::Olora);
    let (net, _) = attach(start, &pissa, 5).unwrap();
    let (net, _) = add_adapter(net, "second", &olora, 5).unwrap();
    for active in [&["default"][..], &["second"], &["default", "second"], &[]] {
        // Fresh, each of them and both together change nothing.
        let net = set_active(net.clone(), active).unwrap();
        assert_close(net.forward_adapted(x()), base.clone(), 2e-6);
        assert_close(net.forward(x()), base.clone(), 2e-6);
    }
    let net = retrain(set_active(net, &["second"]).unwrap(), 0.3);
    let trained = net.forward_adapted(x());
    assert!(max_difference(trained.clone(), base.clone()) > 0.05);
    let net = remove_adapter(net, "default").unwrap();
    assert_close(net.forward_adapted(x()), trained, 2e-6);
    let net = remove_adapter(net, "second").unwrap();
    assert_close(net.forward(x()), base, 2e-6);
}

#[test]
fn adapters_are_saved_and_loaded_by_name() {
    let net = two(&device());
    let dir = tempfile::tempdir().unwrap();
    save_adapter_as(&net, "other", dir.path()).unwrap();
    let net = remove_adapter(net, "default").unwrap();
    let other = net.clone();
    let (net, _, _) = load_adapter_as(net, "again", dir.path()).unwrap();
    assert_eq!(adapters(&net)[0].status, Status::Inactive);
    assert_eq!(
        adapter_tensors_of(&net, "again"),
        adapter_tensors_of(&other, "other")
    );
    let again = set_active(net, &["again"]).unwrap().forward_adapted(x());
    let other = set_active(other, &["other"]).unwrap().forward_adapted(x());
    assert!(same(again, other));
}

#[test]
fn names_that_don_t_fit_are_refused() {
    let net = two(&device());
    let message = |result: Result<Mlp, PeftError>| result.unwrap_err().to_string();
    let add = |name: &str| message(add_adapter(net.clone(), name, config(), 6).map(|(net, _)| net));
    let expected = "but it must be a text without dots, of at least one character";
    assert_eq!(add(""), format!("the adapter's name is \"\", {expected}"));
    assert_eq!(
        add("a.b"),
        format!("the adapter's name is \"a.b\", {expected}")
    );
    let taken = "the module already carries an adapter \"other\"; remove it first, or choose \
                 another name";
    assert_eq!(add("other"), taken);
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapted(config(), &device()), dir.path()).unwrap();
    let load = |name| load_adapter_as(net.clone(), name, dir.path()).map(|(net, _, _)| net);
    assert_eq!(message(load("other")), taken);

    let unknown = "the module carries no adapter \"sql\"; it carries default, other";
    assert_eq!(
        message(set_active(net.clone(), &["default", "sql"])),
        unknown
    );
    assert_eq!(message(remove_adapter(net.clone(), "sql")), unknown);
    let save = save_adapter_as(&net, "sql", dir.path()).unwrap_err();
    assert_eq!(save.to_string(), unknown);
    assert_eq!(
        message(set_active(Mlp::new(&device()), &["sql"])),
        "the module carries no active adapter; call attach, load_adapter or set_active first"
    );
}

#[test]
fn what_is_no_sum_stands_alone() {
    let refused = |second: AdapterConfig, path: &str, name: &str| {
        let (net, _) = add_adapter(adapted(config(), &device()), "b", second, 6).unwrap();
        let before = net.forward_adapted(x());
        let error = set_active(net.clone(), &["default", "b"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the adapter {name:?} does more at {path} than add a low-rank update, so it \
                 cannot be summed with others"
            )
        );
        assert!(same(net.forward_adapted(x()), before));
    };
    refused(config().with_use_dora(true).into(), "down.weight", "b");
    refused(common::cases::ia3().into(), "down.weight", "b");
    let copies = LoraConfig::new(TargetModules::names(["lm_head"])).with_r(2);
    let copies = copies.with_modules_to_save(["down"]);
    refused(copies.into(), "down.weight", "b");
}
