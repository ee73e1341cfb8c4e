//! Records, devices, forks and modes of an adapted module.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{adapter_gradients, adapter_tensors, add_adapter, attach, remove_adapter};
use anneal_testkit::{device, random};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use common::{Mlp, adapted, cases::cases, config, loss, retrain};

/// The paths of all parameters.
fn paths<M: Module>(module: &M) -> Vec<String> {
    #[derive(Default)]
    struct Paths(Vec<String>, Vec<String>);
    impl ModuleVisitor for Paths {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
            self.1.push(self.0.join("."));
        }
    }
    let mut found = Paths::default();
    module.visit(&mut found);
    found.1
}

#[test]
fn every_method_survives_records_modes_and_copies() {
    for (name, config) in cases() {
        let device = device().autodiff();
        let (fresh, _) = attach(Mlp::new(&device), config, 5).unwrap();
        let net = retrain(fresh.clone(), 0.5);
        let x = random([6, 7], 1.0, 3, &device);
        let expected = net.forward_adapted(x.clone()).inner().into_data();
        let other = fresh.forward_adapted(x.clone()).inner().into_data();
        assert_ne!(expected, other, "{name}");
        let grads = loss(net.forward_adapted(x.clone())).backward();
        let gradients = adapter_gradients(&net, &grads);

        let loaded = fresh.load_record(net.clone().into_record());
        let turns = net.valid().train();
        let forked = net.clone().fork(&device);
        let copies = [loaded, turns, forked, net.clone()];
        for (which, copy) in ["record", "valid and train", "fork", "clone"]
            .iter()
            .zip(copies)
        {
            let y = copy.forward_adapted(x.clone());
            assert_eq!(y.clone().inner().into_data(), expected, "{name}: {which}");
            let grads = loss(y).backward();
            let found = adapter_gradients(&copy, &grads);
            assert_eq!(found, gradients, "{name}: {which}");
            assert_eq!(common::base_gradients(&copy, &grads), [""; 0]);
        }
        let plain = x.clone().inner();
        let valid = net.valid();
        assert_eq!(
            valid.forward_adapted(plain.clone()).into_data(),
            expected,
            "{name}"
        );
        let moved = valid.to_device(&anneal_testkit::device());
        assert_eq!(moved.forward_adapted(plain).into_data(), expected, "{name}");
    }
}

#[test]
fn paths_name_the_adapter_and_outlive_its_neighbours() {
    let net = adapted(config(), &device());
    let (net, _) = add_adapter(net, "sql", config().with_use_dora(true), 6).unwrap();
    let own = |paths: Vec<String>| -> Vec<String> {
        let own = paths.into_iter().filter(|path| path.contains(".sql."));
        own.collect()
    };
    let sql = own(paths(&net));
    let expected = [
        "up.weight.adapters.sql.Lora.a",
        "up.weight.adapters.sql.Lora.b",
        "up.weight.adapters.sql.Lora.magnitude",
        "down.weight.adapters.sql.Lora.a",
        "down.weight.adapters.sql.Lora.b",
        "down.weight.adapters.sql.Lora.magnitude",
    ];
    assert_eq!(sql, expected);
    let net = remove_adapter(net, "default").unwrap();
    assert_eq!(own(paths(&net)), expected);
    assert!(!paths(&net).iter().any(|path| path.contains(".default.")));
}

#[test]
fn a_record_of_the_adapted_module_is_its_own() {
    // The base's values and the adapter's are both in it.
    let net = adapted(config(), &device());
    let (other, _) = attach(Mlp::new(&device()), config(), 9).unwrap();
    let other = other.load_record(net.clone().into_record());
    assert_eq!(adapter_tensors(&other), adapter_tensors(&net));
    assert_eq!(
        other.down.weight.base().into_data(),
        net.down.weight.base().into_data()
    );
}
