//! The reference: matrices, hand-written gradients, clipping, schedule and AdamW in f64.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use anneal_train::TrainerConfig;
use burn::tensor::Tensor;

#[derive(Clone, Debug)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Matrix {
    fn from_fn(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let values = (0..rows * columns)
            .map(|i| f(i / columns, i % columns))
            .collect();
        Self {
            rows,
            columns,
            values,
        }
    }

    /// A vector becomes one row.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Self {
        let dims = tensor.dims();
        Self {
            rows: if D == 1 { 1 } else { dims[0] },
            columns: dims[D - 1],
            values: tensor.to_data().iter().collect(),
        }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |i, j| self.at(j, i))
    }

    fn times(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.rows);
        Self::from_fn(self.rows, other.columns, |i, j| {
            (0..self.columns)
                .map(|k| self.at(i, k) * other.at(k, j))
                .sum()
        })
    }

    fn scaled(&self, factor: f64) -> Self {
        Self::from_fn(self.rows, self.columns, |i, j| factor * self.at(i, j))
    }

    /// Adds element by element; a single row is added to every row.
    fn plus(&self, other: &Self) -> Self {
        Self::from_fn(self.rows, self.columns, |i, j| {
            self.at(i, j) + other.at(if other.rows == 1 { 0 } else { i }, j)
        })
    }

    fn column_sums(&self) -> Self {
        Self::from_fn(1, self.columns, |_, j| {
            (0..self.rows).map(|i| self.at(i, j)).sum()
        })
    }
}

type Parameters = BTreeMap<String, Matrix>;

/// Loss sum and its gradients for [`super::Mlp`].
pub fn mlp(p: &Parameters, x: &Matrix, y: &Matrix) -> (f64, Parameters) {
    let h = x.times(&p["up.weight"]).plus(&p["up.bias"]);
    let h = Matrix::from_fn(h.rows, h.columns, |i, j| h.at(i, j).tanh());
    let out = h.times(&p["down.weight"]).plus(&p["down.bias"]);
    let error = out.plus(&y.scaled(-1.0));
    let d_out = error.scaled(2.0);
    let d_h = d_out.times(&p["down.weight"].transposed());
    let d_h = Matrix::from_fn(h.rows, h.columns, |i, j| {
        d_h.at(i, j) * (1.0 - h.at(i, j).powi(2))
    });
    let gradients = [
        ("down.weight", h.transposed().times(&d_out)),
        ("down.bias", d_out.column_sums()),
        ("up.weight", x.transposed().times(&d_h)),
        ("up.bias", d_h.column_sums()),
    ];
    (squares(&error), named(gradients))
}

/// Loss sum and its gradients for [`super::Adapted`]: `frozen` is the weight, then the bias.
pub fn adapted(
    p: &Parameters,
    frozen: &[Matrix; 2],
    scale: f64,
    x: &Matrix,
    y: &Matrix,
) -> (f64, Parameters) {
    let (a, b) = (&p["q_proj.weight.lora.a"], &p["q_proj.weight.lora.b"]);
    let h = x.times(a);
    let out = x.times(&frozen[0]).plus(&frozen[1]);
    let error = out.plus(&h.times(b).scaled(scale)).plus(&y.scaled(-1.0));
    let d_out = error.scaled(2.0 * scale);
    let gradients = [
        ("q_proj.weight.lora.b", h.transposed().times(&d_out)),
        (
            "q_proj.weight.lora.a",
            x.transposed().times(&d_out.times(&b.transposed())),
        ),
    ];
    (squares(&error), named(gradients))
}

fn squares(error: &Matrix) -> f64 {
    error.values.iter().map(|e| e * e).sum()
}

fn named<const N: usize>(gradients: [(&str, Matrix); N]) -> Parameters {
    gradients.map(|(name, g)| (name.to_owned(), g)).into()
}

/// One run in f64.
pub struct Twin {
    pub parameters: Parameters,
    first: Parameters,
    second: Parameters,
    config: TrainerConfig,
    total_steps: f64,
    warmup: f64,
    step: i32,
}

impl Twin {
    pub fn new(
        parameters: Parameters,
        config: TrainerConfig,
        total_steps: u64,
        warmup: u64,
    ) -> Self {
        let zeros: Parameters = parameters
            .iter()
            .map(|(name, p)| (name.clone(), p.scaled(0.0)))
            .collect();
        Self {
            parameters,
            first: zeros.clone(),
            second: zeros,
            config,
            total_steps: total_steps as f64,
            warmup: warmup as f64,
            step: 0,
        }
    }

    /// One step over the given micro-batches; returns mean loss, gradient norm and learning rate.
    pub fn step(
        &mut self,
        micro_batches: &[(Matrix, Matrix)],
        loss: impl Fn(&Parameters, &Matrix, &Matrix) -> (f64, Parameters),
    ) -> (f64, f64, f64) {
        let (mut sum, mut gradients, mut rows) = (0.0, Parameters::new(), 0);
        for (x, y) in micro_batches {
            let (loss, new) = loss(&self.parameters, x, y);
            sum += loss;
            rows += x.rows;
            for (name, g) in new {
                let total = gradients
                    .get(&name)
                    .map_or(g.clone(), |old: &Matrix| old.plus(&g));
                gradients.insert(name, total);
            }
        }
        let mean = 1.0 / rows as f64;
        let norm = mean * gradients.values().map(squares).sum::<f64>().sqrt();
        let limit = self.config.max_grad_norm.expect("the tests clip");
        let clip = mean * (limit / (norm + 1e-6)).min(1.0);

        let s = f64::from(self.step);
        let factor = if s < self.warmup {
            s / self.warmup
        } else {
            0.5 * (1.0 + (PI * (s - self.warmup) / (self.total_steps - self.warmup)).cos())
        };
        let settings = super::adamw_settings(&self.config);
        let lr = settings.learning_rate * factor;
        self.step += 1;
        for (name, p) in &mut self.parameters {
            let (m, v) = (
                self.first.get_mut(name).expect("zeros for each parameter"),
                self.second.get_mut(name).expect("zeros for each parameter"),
            );
            let decay = if p.rows == 1 {
                0.0
            } else {
                settings.weight_decay
            };
            for i in 0..p.values.len() {
                let g = clip * gradients[name].values[i];
                let (m, v) = (&mut m.values[i], &mut v.values[i]);
                *m = settings.beta_1 * *m + (1.0 - settings.beta_1) * g;
                *v = settings.beta_2 * *v + (1.0 - settings.beta_2) * g * g;
                let m = *m / (1.0 - settings.beta_1.powi(self.step));
                let v = *v / (1.0 - settings.beta_2.powi(self.step));
                p.values[i] -= lr * (decay * p.values[i] + m / (v.sqrt() + settings.epsilon));
            }
        }
        (sum * mean, norm, lr)
    }
}

/// `‖a − b‖ / ‖b‖`.
pub fn relative(a: &Matrix, b: &Matrix) -> f64 {
    (squares(&a.plus(&b.scaled(-1.0))) / squares(b)).sqrt()
}
