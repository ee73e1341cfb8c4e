//! LoRA+ by module path (`anneal-train`) and by adapter (`anneal-peft`) are the same groups.

use std::collections::BTreeMap;

use anneal_peft::{
    Bias, GroupKind, LoraConfig, TargetModules, add_adapter, attach, lora_plus_groups,
};
use anneal_train::{LoraPlus, assign_groups, trained_parameters};
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Tensor};

#[derive(Module, Debug)]
struct Net {
    embed_tokens: Embedding,
    norm: RmsNorm,
    q_proj: Linear,
    up_proj: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self {
            embed_tokens: EmbeddingConfig::new(11, 6).init(device),
            norm: RmsNormConfig::new(6).init(device),
            q_proj: LinearConfig::new(6, 4).init(device),
            up_proj: LinearConfig::new(4, 5).init(device),
        }
    }
}

/// The id of every parameter, by path.
fn ids<M: Module>(module: &M) -> BTreeMap<u64, String> {
    #[derive(Default)]
    struct Read(Vec<String>, BTreeMap<u64, String>);
    impl ModuleVisitor for Read {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.insert(param.id.val(), self.0.join("."));
        }
    }
    let mut read = Read::default();
    module.visit(&mut read);
    read.1
}

#[test]
fn paths_and_adapters_agree() {
    let device = anneal_testkit::device().autodiff();
    let targets = TargetModules::names(["embed_tokens", "q_proj", "up_proj"]);
    for dora in [false, true] {
        let config = LoraConfig::new(targets.clone())
            .with_r(2)
            .with_use_dora(dora)
            .with_bias(Bias::LoraOnly);
        let (net, _) = attach(Net::new(&device), &config, 1).unwrap();
        // An adapter that is switched off is trained by neither.
        let (net, _) = add_adapter(net, "other", &config, 2).unwrap();
        let rates = anneal_peft::LoraPlus {
            embedding_learning_rate: 1e-5,
            ..anneal_peft::LoraPlus::new(1e-3, 8.0)
        };
        let paths = ids(&net);
        let mut expected = BTreeMap::new();
        for group in lora_plus_groups(&net, &rates) {
            for id in &group.ids {
                expected.insert(paths[&id.val()].clone(), (group.kind, group.learning_rate));
            }
        }

        let ours = LoraPlus {
            embedding_learning_rate: 1e-5,
            ..LoraPlus::new(8.0)
        };
        let groups = ours.groups(1e-3).unwrap();
        let trained = trained_parameters(&net);
        assert_eq!(trained.len(), expected.len());
        let assigned = assign_groups(&groups, &trained).unwrap();
        for (path, (kind, rate)) in expected {
            let found = assigned[&path];
            let ours = 1e-3 * found.learning_rate_ratio;
            assert!((ours - rate).abs() < 1e-12, "{path}: {ours} against {rate}");
            if kind == GroupKind::NoDecay {
                assert_eq!(found.weight_decay, Some(0.0), "{path}");
            }
        }
    }
}
