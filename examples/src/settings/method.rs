//! What is trained: an adapter of some kind, or the model itself or parts of it.

use std::path::Path;

use anneal_peft::{
    AdapterConfig, Ia3Config, InitLoraWeights, LoraConfig, PromptTuningConfig, TargetModules,
    VeraConfig,
};
use serde::Serialize;

use super::check::{at_least_1, refuse, word};
use super::given::given;
use crate::ExampleError;

given! {
    /// Settings of what is trained.
    GivenMethod {
        /// What is trained: lora, ia3, vera or prompt-tuning (an adapter), full (the whole model), norms or
        /// embeddings (these parts of it) [default: lora]
        method: String,
        /// Rank of the adapter [default: 16]
        lora_r: usize,
        /// The adapter's alpha; its scale is alpha / rank [default: 32]
        lora_alpha: f64,
        /// Dropout on the adapter's input [default: 0]
        lora_dropout: f64,
        /// Scale by alpha / sqrt(rank) instead of alpha / rank [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        use_rslora: bool,
        /// Train the lengths of the weights' columns apart from their directions (DoRA) [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        use_dora: bool,
        /// How the adapter begins: true (PEFT's default), false, gaussian, pissa, pissa_niter_N or olora
        /// [default: true]
        #[arg(value_parser = init_lora_weights)]
        init_lora_weights: InitLoraWeights,
        /// Layers to adapt: "all-linear", a regular expression, or names with commas between them
        /// [default: all-linear; of IA3 and VeRA what PEFT takes in a Llama]
        target_modules: String,
        /// Rows of VeRA's shared projection [default: 256]
        vera_r: usize,
        /// What VeRA's vectors begin with [default: 0.1]
        vera_d_initial: f64,
        /// Dropout on VeRA's input [default: 0]
        vera_dropout: f64,
        /// Embeddings of prompt tuning [default: 20]
        virtual_tokens: usize,
        /// How they begin: vocabulary (the embeddings of tokens that are drawn), text (of --virtual-text) or random
        /// [default: vocabulary]
        virtual_init: String,
        /// The text that they begin with
        virtual_text: String,
    }
}

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Low-rank updates.
    Lora,
    /// Vectors that scale activations.
    Ia3,
    /// Vectors beside shared random projections.
    Vera,
    /// Embeddings before every prompt.
    PromptTuning,
    /// Every weight.
    Full,
    /// The weights of the norms.
    Norms,
    /// The embeddings, and the head where they are one.
    Embeddings,
}

impl Method {
    /// As it is given.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lora => "lora",
            Self::Ia3 => "ia3",
            Self::Vera => "vera",
            Self::PromptTuning => "prompt-tuning",
            Self::Full => "full",
            Self::Norms => "norms",
            Self::Embeddings => "embeddings",
        }
    }

    /// The peak learning rate where none is given. LoRA's is what did best on Spider; the others' are those
    /// of the papers, or of the usual practice with small models, and were not searched for.
    pub fn learning_rate(self) -> f64 {
        match self {
            Self::Lora | Self::Norms => 1e-3,
            Self::Ia3 => 5e-3,
            Self::Vera => 1e-2,
            Self::PromptTuning => 3e-2,
            Self::Full | Self::Embeddings => 1e-4,
        }
    }
}

/// The settings of an adapter, under the name of its kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adapter {
    /// LoRA.
    Lora(LoraConfig),
    /// IA3.
    Ia3(Ia3Config),
    /// VeRA.
    Vera(VeraConfig),
    /// Prompt tuning.
    PromptTuning(PromptTuningConfig),
}

impl From<&Adapter> for AdapterConfig {
    fn from(adapter: &Adapter) -> Self {
        match adapter {
            Adapter::Lora(config) => config.into(),
            Adapter::Ia3(config) => config.into(),
            Adapter::Vera(config) => config.into(),
            Adapter::PromptTuning(config) => config.into(),
        }
    }
}

impl GivenMethod {
    /// The method, and its adapter if it has one.
    pub(super) fn resolve(self, model: &Path) -> Result<(Method, Option<Adapter>), ExampleError> {
        let all = [
            Method::Lora,
            Method::Ia3,
            Method::Vera,
            Method::PromptTuning,
            Method::Full,
            Method::Norms,
            Method::Embeddings,
        ];
        let method = word(
            "method",
            self.method.as_deref(),
            &all.map(|method| (method.name(), method)),
        )?;
        self.check_fit(method)?;
        let adapter = match method {
            Method::Lora => Some(Adapter::Lora(self.lora(model))),
            Method::Ia3 => Some(Adapter::Ia3(self.ia3(model))),
            Method::Vera => Some(Adapter::Vera(self.vera(model))),
            Method::PromptTuning => Some(Adapter::PromptTuning(self.prompt_tuning(model)?)),
            Method::Full | Method::Norms | Method::Embeddings => None,
        };
        if let Some(adapter) = &adapter
            // The ids of a text come with the tokenizer.
            && self.virtual_text.is_none()
        {
            AdapterConfig::from(adapter).validate()?;
        }
        Ok((method, adapter))
    }

    /// Refuses a setting of another method: it would change nothing.
    fn check_fit(&self, method: Method) -> Result<(), ExampleError> {
        let targets = matches!(method, Method::Lora | Method::Ia3 | Method::Vera);
        let [lora, vera, prompt] =
            [Method::Lora, Method::Vera, Method::PromptTuning].map(|of| of == method);
        let given = [
            ("lora-r", self.lora_r.is_some(), lora, "lora"),
            ("lora-alpha", self.lora_alpha.is_some(), lora, "lora"),
            ("lora-dropout", self.lora_dropout.is_some(), lora, "lora"),
            ("use-rslora", self.use_rslora.is_some(), lora, "lora"),
            ("use-dora", self.use_dora.is_some(), lora, "lora"),
            (
                "init-lora-weights",
                self.init_lora_weights.is_some(),
                lora,
                "lora",
            ),
            (
                "target-modules",
                self.target_modules.is_some(),
                targets,
                "lora, ia3 or vera",
            ),
            ("vera-r", self.vera_r.is_some(), vera, "vera"),
            (
                "vera-d-initial",
                self.vera_d_initial.is_some(),
                vera,
                "vera",
            ),
            ("vera-dropout", self.vera_dropout.is_some(), vera, "vera"),
            (
                "virtual-tokens",
                self.virtual_tokens.is_some(),
                prompt,
                "prompt-tuning",
            ),
            (
                "virtual-init",
                self.virtual_init.is_some(),
                prompt,
                "prompt-tuning",
            ),
            (
                "virtual-text",
                self.virtual_text.is_some(),
                prompt,
                "prompt-tuning",
            ),
        ];
        let unfit = given
            .into_iter()
            .find(|(_, given, fits, _)| *given && !fits);
        match unfit {
            Some((setting, _, _, of)) => {
                let expected = format!("none: it is a setting of --method {of}");
                let found = format!("given with --method {}", method.name());
                Err(refuse(setting, &found, &expected))
            }
            None => Ok(()),
        }
    }

    fn lora(&self, model: &Path) -> LoraConfig {
        let all_linear = TargetModules::all_linear;
        LoraConfig::new(self.targets().unwrap_or_else(all_linear))
            .with_r(self.lora_r.unwrap_or(16))
            .with_lora_alpha(self.lora_alpha.unwrap_or(32.0))
            .with_lora_dropout(self.lora_dropout.unwrap_or(0.0))
            .with_use_rslora(self.use_rslora.unwrap_or(false))
            .with_use_dora(self.use_dora.unwrap_or(false))
            .with_init_lora_weights(self.init_lora_weights.unwrap_or_default())
            .with_base_model(model.to_string_lossy())
    }

    fn ia3(&self, model: &Path) -> Ia3Config {
        let mut config = match self.targets() {
            None => Ia3Config::llama(),
            Some(targets) => Ia3Config::new(targets),
        };
        config.base_model_name_or_path = Some(model.to_string_lossy().into_owned());
        config
    }

    fn vera(&self, model: &Path) -> VeraConfig {
        let mut config = match self.targets() {
            None => VeraConfig::default(),
            Some(targets) => VeraConfig::new(targets),
        };
        config.r = self.vera_r.unwrap_or(config.r);
        config.d_initial = self.vera_d_initial.unwrap_or(config.d_initial);
        config.vera_dropout = self.vera_dropout.unwrap_or(config.vera_dropout);
        config.base_model_name_or_path = Some(model.to_string_lossy().into_owned());
        config
    }

    fn prompt_tuning(&self, model: &Path) -> Result<PromptTuningConfig, ExampleError> {
        let count = at_least_1("virtual-tokens", self.virtual_tokens.unwrap_or(20))?;
        let config = PromptTuningConfig::new(count).with_base_model(model.to_string_lossy());
        let from_text = self.virtual_text.is_some();
        let given = self.virtual_init.as_deref();
        let init = word(
            "virtual-init",
            given.or(from_text.then_some("text")),
            &[("vocabulary", 0), ("text", 1), ("random", 2)],
        )?;
        match (init, &self.virtual_text) {
            (1, Some(text)) => Ok(config.with_text(text, model.to_string_lossy(), [])),
            (1, None) => Err(refuse(
                "virtual-init",
                "text",
                "the text too, as --virtual-text",
            )),
            (_, Some(_)) => Err(refuse(
                "virtual-init",
                given.unwrap_or_default(),
                "text, with --virtual-text",
            )),
            (0, None) => Ok(config.with_sample_vocab()),
            (_, None) => Ok(config),
        }
    }

    fn targets(&self) -> Option<TargetModules> {
        self.target_modules.as_deref().map(targets)
    }
}

/// PEFT's `true`, `false` or a name.
fn init_lora_weights(text: &str) -> Result<InitLoraWeights, String> {
    let value = match text {
        "true" => true.into(),
        "false" => false.into(),
        name => serde_json::Value::from(name),
    };
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// `a,b` is a list of names; anything else a pattern, as in PEFT. A single name
/// is a list of one: as a pattern it would match no whole path.
pub(super) fn targets(text: &str) -> TargetModules {
    let plain = |c: char| c.is_alphanumeric() || "_,. ".contains(c);
    if text.eq_ignore_ascii_case("all-linear") || !text.chars().all(plain) {
        return TargetModules::Pattern(text.to_owned());
    }
    TargetModules::names(
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty()),
    )
}
