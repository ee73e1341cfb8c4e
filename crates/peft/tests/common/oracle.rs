//! Adapted layers in f64, by the formulas of the papers.
#![allow(dead_code, reason = "every test file uses a part of this")]

use anneal_peft::{AdapterLayer, Adapters, LoraFactors};
use burn::{
    module::Param,
    nn::Linear,
    tensor::{DType, Tensor},
};

/// A row-major matrix.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Matrix {
    /// The values of a tensor.
    pub fn of(tensor: Tensor<2>) -> Self {
        let [rows, columns] = tensor.dims();
        let values = tensor.cast(DType::F32).without_autodiff().into_data();
        Self {
            rows,
            columns,
            values: values.iter::<f64>().collect(),
        }
    }

    /// A matrix by a formula for its values.
    pub fn from_fn(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        let values = (0..rows * columns).map(|i| value(i / columns, i % columns));
        Self {
            rows,
            columns,
            values: values.collect(),
        }
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.rows);
        Self::from_fn(self.rows, other.columns, |i, j| {
            (0..self.columns)
                .map(|k| self.at(i, k) * other.at(k, j))
                .sum()
        })
    }

    /// `self + factor · other`.
    pub fn plus(&self, factor: f64, other: &Self) -> Self {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        Self::from_fn(self.rows, self.columns, |i, j| {
            self.at(i, j) + factor * other.at(i, j)
        })
    }

    /// The largest difference from a tensor.
    pub fn distance(&self, tensor: Tensor<2>) -> f64 {
        let other = Self::of(tensor);
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        let pairs = self.values.iter().zip(&other.values);
        pairs.fold(0.0, |worst, (a, b)| {
            assert!(a.is_finite() && b.is_finite());
            f64::max(worst, (a - b).abs())
        })
    }

    /// The largest magnitude.
    pub fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |most, v| v.abs().max(most))
    }
}

fn vector(param: &Param<Tensor<1>>) -> Vec<f64> {
    let values = param.val().without_autodiff().into_data();
    values.iter::<f64>().collect()
}

/// `s · A · B`.
pub fn delta(lora: &LoraFactors) -> Matrix {
    let product = Matrix::of(lora.a.val()).times(&Matrix::of(lora.b.val()));
    Matrix::from_fn(product.rows, product.columns, |i, j| {
        lora.scale * product.at(i, j)
    })
}

/// The weight with DoRA's magnitude `m`: column `j` of `W + s·A·B` brought to
/// the length `m_j`.
pub fn dora(weight: &Matrix, lora: &LoraFactors) -> Matrix {
    let sum = weight.plus(1.0, &delta(lora));
    let Some(m) = lora.magnitude.as_ref().map(vector) else {
        return sum;
    };
    let norm = |j| {
        (0..sum.rows)
            .map(|i| sum.at(i, j).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    Matrix::from_fn(sum.rows, sum.columns, |i, j| m[j] / norm(j) * sum.at(i, j))
}

/// The weight that the layer's active adapters mean. Inactive ones must have
/// left the weight alone.
pub fn weight(linear: &Linear) -> Matrix {
    let base = Matrix::of(linear.weight.base());
    let Some(adapters) = linear.weight.reparameterization::<Adapters>() else {
        return base;
    };
    adapters.active().fold(base, |w, (_, layer)| match layer {
        AdapterLayer::Lora(lora) => dora(&w, lora),
        AdapterLayer::Vera(vera) => {
            let (b, d) = (vector(&vera.lambda_b), vector(&vera.lambda_d));
            let (pa, pb) = (Matrix::of(vera.a.clone()), Matrix::of(vera.b.clone()));
            Matrix::from_fn(w.rows, w.columns, |i, j| {
                let inner: f64 = (0..d.len()).map(|k| pa.at(i, k) * d[k] * pb.at(k, j)).sum();
                w.at(i, j) + inner * b[j]
            })
        }
        AdapterLayer::Ia3(ia3) => {
            let l = vector(&ia3.scales);
            Matrix::from_fn(w.rows, w.columns, |i, j| {
                w.at(i, j) * l[if ia3.feedforward { i } else { j }]
            })
        }
        AdapterLayer::Replacement(copy) => Matrix::of(copy.value.val()),
        other => panic!("no weight: {other:?}"),
    })
}

/// `x · W + b` with what the adapters mean by both.
pub fn forward(linear: &Linear, x: &Matrix) -> Matrix {
    let product = x.times(&weight(linear));
    let Some(bias) = &linear.bias else {
        return product;
    };
    let adapters = bias.reparameterization::<Adapters>();
    let copy = adapters.into_iter().flat_map(|a| a.active()).next();
    let bias = match copy {
        Some((_, AdapterLayer::Replacement(copy))) => Matrix::of(copy.value.val()),
        Some((_, AdapterLayer::Ia3Bias(_))) => {
            panic!("IA3 scales the bias; write this one out by hand")
        }
        _ => Matrix::of(bias.base().unsqueeze_dim(0)),
    };
    Matrix::from_fn(product.rows, product.columns, |i, j| {
        product.at(i, j) + bias.at(0, j)
    })
}
