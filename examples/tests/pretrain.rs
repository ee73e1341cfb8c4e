//! `pretrain`: domains, databases, and a model of two steps.

use std::path::Path;

use anneal_data::{BatchConfig, Batches, Example};
use anneal_examples::pretrain::{
    Case, Drawer, HELD_OUT, InitialWeights, Naming, PretrainSettings, Shape, corpus, domains,
    parse_domains, pretrain, small_llama, weighted_loss,
};
use anneal_examples::token_loss;
use anneal_llama::LlamaForCausalLM;
use anneal_sql::{Budget, Database, Schema, SchemaForm};
use anneal_train::ProgressReport;
use burn::module::Module;
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn settings(folder: &Path, name: &str, seed: u64) -> PretrainSettings {
    PretrainSettings {
        output: folder.join(name),
        work: folder.join(format!("{name}-work")),
        minutes: None,
        max_steps: Some(2),
        seed,
        databases: 12,
        copy_steps: 2,
        copy_batch_size: 3,
        repeats: 0.5,
        from: None,
        questions: 4,
        turns: 2,
        vocabulary: 400,
        max_length: 900,
        batch_size: 3,
        learning_rate: 1e-3,
        others: 0.2,
        deviation: 0.02,
        layers: 2,
        hidden: 64,
        measured: 4,
        measured_every: None,
        resume: false,
    }
}

#[test]
fn there_are_many_domains_and_each_word_is_understood() {
    let domains = domains().unwrap();
    assert!(domains.len() >= 50, "{}", domains.len());
    for (at, domain) in domains.iter().enumerate() {
        let twice = domains[..at].iter().any(|other| other.name == domain.name);
        assert!(!twice, "{}", domain.name);
        assert!(domain.tables.len() >= 2, "{}", domain.name);
    }
    for held_out in HELD_OUT {
        assert!(domains.iter().any(|domain| domain.name == held_out));
    }
}

#[test]
fn what_is_no_domain_is_refused_with_its_line() {
    for (text, line) in [
        ("pet / pet, pets / age:int(1 9)", 1),
        ("== a\npet / pet, pets", 2),
        ("== a\npet / pet / age:int(1 9)", 2),
        ("== a\n\npet / pet, pets / age:number(1 9)", 3),
        ("== a\npet / pet, pets / age:int(9 1)", 2),
        ("== a\npet / pet, pets / age:int(1 9) [years", 2),
        ("== a\npet / pet, pets / age:int(1 9); >owner", 2),
    ] {
        let error = parse_domains(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
    }
}

#[test]
fn databases_are_what_they_say_and_their_golds_return_rows() {
    let folder = tempfile::tempdir().unwrap();
    let domains = domains().unwrap();
    let corpus = corpus(&domains, 30, 5, folder.path(), 3).unwrap();
    let mut asked = 0;
    for one in &corpus {
        let database = Database::open(one.made.path(folder.path())).unwrap();
        let read = Schema::read(&database).unwrap();
        assert_eq!(
            read.render(&SchemaForm::CreateTable.style()),
            one.made.context()
        );
        let keys: usize = read
            .tables
            .iter()
            .map(|table| table.foreign_keys.len())
            .sum();
        let made = one.made.tables.iter().flat_map(|table| &table.columns);
        assert_eq!(
            keys,
            made.filter(|column| column.reference.is_some()).count()
        );
        for question in &one.questions {
            let rows = database.query(&question.sql, &Budget::default()).unwrap();
            assert!(!rows.rows().is_empty(), "{}", question.sql);
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
}

#[test]
fn invented_names_are_not_the_domains() {
    let domains = domains().unwrap();
    let shape = Shape {
        tables: 3,
        columns: 4,
        rows: 6,
        alternatives: true,
    };
    let drawer = Drawer {
        all: &domains,
        shape,
    };
    let draw = |naming, case| {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        drawer.draw(&domains[0], (naming, case), "x".into(), &mut random)
    };
    let known = |name: &str| {
        let tables = domains.iter().flat_map(|domain| &domain.tables);
        tables
            .flat_map(|table| &table.names)
            .any(|known| known == name)
    };
    let own = draw(Naming::Own, Case::Snake);
    assert!(own.tables.iter().all(|table| known(&table.name)));
    let invented = draw(Naming::Invented, Case::Snake);
    assert!(invented.tables.iter().all(|table| !known(&table.name)));
    let capital = draw(Naming::Own, Case::Capital);
    for (table, plain) in capital.tables.iter().zip(&own.tables) {
        assert_eq!(table.name.to_lowercase(), plain.name);
        assert!(table.name.starts_with(char::is_uppercase));
    }
}

#[test]
fn the_loss_weighs_answers_and_others_apart() {
    let device = Device::flex().autodiff();
    let mut config = small_llama(50);
    (
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
    ) = (24, 40, 2);
    (
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
    ) = (3, 1, 8);
    let mut weights = InitialWeights {
        standard_deviation: 0.4,
        layers: 2,
        seed: 1,
    };
    let model = LlamaForCausalLM::from_source(&config, &mut weights, &device).unwrap();
    let ids = |start: u32, count: u32| (start..start + count).map(|id| id * 7 % 50).collect();
    let rows: [(Vec<u32>, usize); 2] = [(ids(3, 9), 6), (ids(20, 5), 2)];
    let batch = |from: &dyn Fn(usize, usize) -> bool| {
        let examples = rows.iter().map(|(ids, border)| {
            let trained = (0..ids.len()).map(|at| from(at, *border)).collect();
            Example::new(ids.clone(), trained).unwrap()
        });
        let batches = Batches::new(examples.collect(), BatchConfig::default()).unwrap();
        let step = batches.steps(0).next().unwrap();
        step.micro_batches.into_iter().next().unwrap()
    };
    let sum = |loss: anneal_train::TokenLoss| (loss.sum.inner().into_scalar::<f64>(), loss.count);
    let answers = batch(&|at, border| at >= border);
    let (of_answers, count) = sum(token_loss(&model, &answers, &config, &device));
    let others = batch(&|at, border| at < border);
    let (of_others, other_count) = sum(token_loss(&model, &others, &config, &device));
    assert_eq!((count, other_count), (6, 6));
    for weight in [0.0, 0.3] {
        let (both, counted) = sum(weighted_loss(&model, &answers, &config, weight, &device));
        assert!(
            (both - (of_answers + weight * of_others)).abs() < 1e-4,
            "{both}"
        );
        assert_eq!(counted, 6);
    }
}

#[test]
fn two_steps_make_a_model_and_the_same_seed_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex().autodiff();
    let run = |name: &str, seed| {
        let settings = settings(folder.path(), name, seed);
        let report = pretrain(&settings, &device, ProgressReport::Hidden).unwrap();
        assert_eq!((report.steps, report.held_out[0]), (2, 4));
        assert!(report.loss.unwrap().is_finite());
        let read = |file: &str| std::fs::read(settings.output.join(file)).unwrap();
        let files = [
            "model.safetensors",
            "tokenizer.json",
            "config.json",
            "tokenizer_config.json",
        ];
        let bytes = files.map(read);
        assert!(report.bytes >= bytes.iter().map(|file| file.len() as u64).sum());
        bytes
    };
    let [first, again, other] = [run("a", 1), run("b", 1), run("c", 2)];
    assert!(first == again);
    assert!(first[0] != other[0]);
    // It trains: no weight is where it began.
    let loaded = anneal_llama::load(&folder.path().join("a"), &Device::flex()).unwrap();
    let mut weights = InitialWeights {
        standard_deviation: 0.02,
        layers: 2,
        seed: 1,
    };
    let begun =
        LlamaForCausalLM::from_source(&loaded.config, &mut weights, &Device::flex()).unwrap();
    let weight = |model: &LlamaForCausalLM| model.model.layers[1].mlp.up_proj.weight.val();
    let moved = (weight(&loaded.model) - weight(&begun)).abs().mean();
    assert!(moved.into_scalar::<f64>() > 1e-4);
    let _ = loaded.model.valid();
    // A work folder holds one run. Resumed, its checkpoint is the model; another seed's it is not.
    let again = |seed, resume| {
        let settings = PretrainSettings {
            work: folder.path().join("a-work"),
            resume,
            ..settings(folder.path(), "resumed", seed)
        };
        pretrain(&settings, &device, ProgressReport::Hidden)
    };
    let refused = again(1, false).unwrap_err().to_string();
    assert!(refused.contains("a-work"), "{refused}");
    let refused = again(2, true).unwrap_err().to_string();
    assert!(refused.contains("settings"), "{refused}");
    again(1, true).unwrap();
    let resumed = std::fs::read(folder.path().join("resumed/model.safetensors")).unwrap();
    assert!(resumed == first[0]);
    // What stands there is not written over.
    let error = pretrain(
        &settings(folder.path(), "a", 1),
        &device,
        ProgressReport::Hidden,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("give a new or empty folder")
    );
}
