//! An optimiser by name, as a settings file says it.

use serde::{Deserialize, Serialize};

use super::{
    AdaGradConfig, AdafactorConfig, AdamConfig, AdanConfig, BurnOptimizer, LambConfig, LionConfig,
    MuonConfig, MuonWithAdamW, Optimizer, RmsPropConfig, SgdConfig,
};
use crate::adamw::{AdamW, AdamWConfig};
use crate::error::Result;

/// An optimiser with its settings.
///
/// In a file it is a table with the optimiser's `name`; what it does not say has its default, and an
/// unknown key is an error.
///
/// # Example
/// ```
/// use anneal_train::{Optimizer, OptimizerConfig};
///
/// // In TOML: name = "lion", learning_rate = 2e-5.
/// let config: OptimizerConfig =
///     serde_json::from_str(r#"{ "name": "lion", "learning_rate": 2e-5 }"#).unwrap();
/// let lion = config.build().unwrap();
/// assert_eq!((lion.name(), lion.learning_rate()), ("lion", 2e-5));
///
/// let wrong: OptimizerConfig = serde_json::from_str(r#"{ "name": "sgd", "momentum": 1 }"#).unwrap();
/// let error = wrong.build().unwrap_err().to_string();
/// assert_eq!(error, "`momentum` must be at least 0 and below 1, got 1");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum OptimizerConfig {
    /// Ours, [`AdamW`]; the default.
    AdamW(AdamWConfig),
    /// burn's Adam.
    Adam(AdamConfig),
    /// burn's stochastic gradient descent.
    Sgd(SgdConfig),
    /// burn's RMSprop.
    RmsProp(RmsPropConfig),
    /// burn's AdaGrad.
    AdaGrad(AdaGradConfig),
    /// burn's Adan.
    Adan(AdanConfig),
    /// burn's LAMB.
    Lamb(LambConfig),
    /// burn's Lion.
    Lion(LionConfig),
    /// burn's Adafactor.
    Adafactor(AdafactorConfig),
    /// burn's Muon for matrices, our AdamW for the rest.
    Muon(MuonConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::AdamW(AdamWConfig::default())
    }
}

impl From<AdamWConfig> for OptimizerConfig {
    fn from(config: AdamWConfig) -> Self {
        Self::AdamW(config)
    }
}

/// Does the same with every optimiser's settings.
macro_rules! each {
    ($config:expr, $settings:ident => $body:expr) => {
        match $config {
            OptimizerConfig::AdamW($settings) => $body,
            OptimizerConfig::Adam($settings) => $body,
            OptimizerConfig::Sgd($settings) => $body,
            OptimizerConfig::RmsProp($settings) => $body,
            OptimizerConfig::AdaGrad($settings) => $body,
            OptimizerConfig::Adan($settings) => $body,
            OptimizerConfig::Lamb($settings) => $body,
            OptimizerConfig::Lion($settings) => $body,
            OptimizerConfig::Adafactor($settings) => $body,
            OptimizerConfig::Muon($settings) => $body,
        }
    };
}

impl OptimizerConfig {
    /// The name in a file: `adamw`, `adam`, `sgd`, `rmsprop`, `adagrad`, `adan`, `lamb`, `lion`,
    /// `adafactor` or `muon`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdamW(_) => "adamw",
            Self::Adam(_) => "adam",
            Self::Sgd(_) => "sgd",
            Self::RmsProp(_) => "rmsprop",
            Self::AdaGrad(_) => "adagrad",
            Self::Adan(_) => "adan",
            Self::Lamb(_) => "lamb",
            Self::Lion(_) => "lion",
            Self::Adafactor(_) => "adafactor",
            Self::Muon(_) => "muon",
        }
    }

    /// The default settings of the optimiser with this [`name`](Self::name), if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|config| config.name() == name)
    }

    /// Every optimiser with its default settings.
    pub fn all() -> [Self; 10] {
        [
            Self::default(),
            Self::Adam(AdamConfig::default()),
            Self::Sgd(SgdConfig::default()),
            Self::RmsProp(RmsPropConfig::default()),
            Self::AdaGrad(AdaGradConfig::default()),
            Self::Adan(AdanConfig::default()),
            Self::Lamb(LambConfig::default()),
            Self::Lion(LionConfig::default()),
            Self::Adafactor(AdafactorConfig::default()),
            Self::Muon(MuonConfig::default()),
        ]
    }

    /// The peak learning rate.
    pub fn learning_rate(&self) -> f64 {
        each!(self, settings => settings.learning_rate)
    }

    /// The same with another peak learning rate. Muon's AdamW keeps its own.
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        each!(&mut self, settings => settings.learning_rate = learning_rate);
        self
    }

    /// The same with another weight decay. Muon's AdamW keeps its own.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        each!(&mut self, settings => settings.weight_decay = weight_decay);
        self
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) for the first setting that
    /// is out of its range; [`TrainError::Pattern`](crate::TrainError::Pattern).
    pub fn validate(&self) -> Result<()> {
        each!(self, settings => settings.validate())
    }

    /// The optimiser, without state.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn build(&self) -> Result<Box<dyn Optimizer>> {
        self.validate()?;
        let name = self.name();
        /// burn's optimiser that `$settings` builds.
        macro_rules! adapted {
            ($settings:expr) => {{
                let settings = $settings.clone();
                let (rate, decay) = (settings.learning_rate, settings.weight_decay);
                let build = move |decay: f64| settings.build(decay);
                Box::new(BurnOptimizer::new(name, rate, decay, build)?)
            }};
        }
        Ok(match self {
            Self::AdamW(settings) => Box::new(AdamW::new(settings.clone())?),
            Self::Adam(settings) => adapted!(settings),
            Self::Sgd(settings) => adapted!(settings),
            Self::RmsProp(settings) => adapted!(settings),
            Self::AdaGrad(settings) => adapted!(settings),
            Self::Adan(settings) => adapted!(settings),
            Self::Lamb(settings) => adapted!(settings),
            Self::Lion(settings) => adapted!(settings),
            Self::Adafactor(settings) => adapted!(settings),
            Self::Muon(settings) => Box::new(MuonWithAdamW::new(settings.clone())?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_file_and_in_code_agree() {
        for config in OptimizerConfig::all() {
            let json = serde_json::to_value(&config).unwrap();
            assert_eq!(json["name"], config.name());
            let back: OptimizerConfig = serde_json::from_value(json).unwrap();
            assert_eq!(back, config);
            let changed = config.with_learning_rate(0.125).with_weight_decay(0.25);
            assert_eq!(changed.learning_rate(), 0.125);
            let json = serde_json::to_value(&changed).unwrap();
            assert_eq!(json["weight_decay"], 0.25);
            assert_eq!(changed.build().unwrap().name(), changed.name());
            let by_name = OptimizerConfig::named(changed.name()).unwrap();
            assert_eq!(by_name.name(), changed.name());
        }
        assert_eq!(OptimizerConfig::named("adamw8bit"), None);
    }

    #[test]
    fn every_range_is_checked() {
        let cases = [
            (r#"{"name":"adamw","epsilon":-1}"#, "epsilon"),
            (r#"{"name":"adam","epsilon":1e-60}"#, "epsilon"),
            (r#"{"name":"adam","beta_2":0.99999999999}"#, "beta_2"),
            (r#"{"name":"sgd","weight_decay":-0.1}"#, "weight_decay"),
            (r#"{"name":"rmsprop","alpha":1}"#, "alpha"),
            (r#"{"name":"adagrad","lr_decay":-1}"#, "lr_decay"),
            (r#"{"name":"adan","beta_3":1.5}"#, "beta_3"),
            (r#"{"name":"lamb","learning_rate":-1}"#, "learning_rate"),
            (r#"{"name":"lion","beta_1":-0.1}"#, "beta_1"),
            (
                r#"{"name":"adafactor","weight_decay":1e300}"#,
                "weight_decay",
            ),
            (r#"{"name":"adafactor","decay_rate":0.8}"#, "decay_rate"),
            (r#"{"name":"adafactor","epsilon_1":1e-60}"#, "epsilon_1"),
            (r#"{"name":"muon","ns_steps":0}"#, "ns_steps"),
            (
                r#"{"name":"muon","adamw_patterns":["("]}"#,
                "adamw_patterns",
            ),
            (r#"{"name":"muon","adamw":{"beta_1":1}}"#, "beta_1"),
        ];
        for (text, setting) in cases {
            let config: OptimizerConfig = serde_json::from_str(text).unwrap();
            let message = config.build().unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("`{setting}` ")),
                "{text}: {message}"
            );
        }
    }

    #[test]
    fn unknown_names_and_keys_are_refused() {
        let error = |text| {
            serde_json::from_str::<OptimizerConfig>(text)
                .unwrap_err()
                .to_string()
        };
        let unknown = error(r#"{"name":"adamw8bit"}"#);
        assert!(
            unknown.contains("adamw8bit") && unknown.contains("adafactor"),
            "{unknown}"
        );
        let key = error(r#"{"name":"lion","beta_3":0.9}"#);
        assert!(key.contains("beta_3"), "{key}");
    }
}
