//! A linear layer with or without an adapter, by the cheapest way there is.

use anneal_kernels::{self as kernels, lora_linear};
use anneal_peft::{Adapters, Effect, LinearExt};
use burn::nn::Linear;
use burn::tensor::Tensor;

/// `x·W + b`, and the adapter's update where there is one.
///
/// One plain LoRA adapter takes the kernel that adds the update in place, with
/// dropout or without, any other `forward_adapted`; both compute the same.
pub(super) fn project<const D: usize>(linear: &Linear, x: Tensor<D>) -> Tensor<D> {
    let adapters = linear.weight.reparameterization::<Adapters>();
    match adapters.map_or(Effect::None, Adapters::effect) {
        Effect::Lora(lora) => {
            let (dropped, scale) = lora.branch(&x);
            let bias = linear.bias.as_ref().map(|bias| bias.val());
            let factors = [lora.a.val(), lora.b.val()];
            lora_linear(x, dropped, linear.weight.base(), bias, factors, scale)
        }
        Effect::Other => linear.forward_adapted(x),
        Effect::None => {
            let bias = linear.bias.as_ref().map(|bias| bias.val());
            kernels::linear(x, linear.weight.val(), bias)
        }
    }
}

#[cfg(test)]
mod tests {
    use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules, adapter_gradients, attach};
    use anneal_testkit::{assert_close, device, random};
    use burn::module::Module;
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Net {
        proj: Linear,
    }

    /// A layer that carries one plain adapter.
    fn net(bias: bool, dropout: f64, device: &Device) -> Net {
        let proj = LinearConfig::new(10, 7).with_bias(bias).init(device);
        let config = LoraConfig::new(TargetModules::names(["proj"]))
            .with_r(3)
            .with_lora_alpha(5.0)
            .with_lora_dropout(dropout)
            .with_init_lora_weights(InitLoraWeights::Random);
        attach(Net { proj }, &config, 4).unwrap().0
    }

    #[test]
    fn dropout_takes_of_the_branch_and_leaves_the_mean() {
        let device = device().autodiff();
        let net = net(true, 0.25, &device);
        let x = random::<2>([4000, 10], 1.0, 3, &device);
        let spread = |y: &Tensor<2>, of: &Tensor<2>| (y.clone() - of.clone()).abs().max();
        let plain = project(&net.proj.clone().valid(), x.clone().inner());
        let [once, twice] = [(); 2].map(|()| project(&net.proj, x.clone()).inner());
        assert!(spread(&once, &twice).into_scalar::<f32>() > 0.01);
        assert!(spread(&once, &plain).into_scalar::<f32>() > 0.01);
        // Of 4000 rows the deviation of the mean is about a hundredth of a row's.
        let mean = |y: Tensor<2>| y.mean_dim(0);
        assert_close(mean(once), mean(plain), 0.02);
    }

    #[test]
    fn the_kernel_and_the_extension_agree_in_outputs_and_gradients() {
        for bias in [false, true] {
            let device = device().autodiff();
            let net = net(bias, 0.0, &device);
            assert_ways_agree(&net, &device);
        }
    }

    fn assert_ways_agree(net: &Net, device: &Device) {
        let adapters = net.proj.weight.reparameterization::<Adapters>();
        assert!(matches!(adapters.unwrap().effect(), Effect::Lora(_)));
        let weights = random::<3>([2, 4, 7], 1.0, 2, device);
        let run = |forward: &dyn Fn(Tensor<3>) -> Tensor<3>| {
            let x = random::<3>([2, 4, 10], 1.0, 1, device).require_grad();
            let y = forward(x.clone());
            let gradients = (y.clone() * weights.clone()).sum().backward();
            assert!(net.proj.weight.base().grad(&gradients).is_none());
            let of_x = x.grad(&gradients).unwrap();
            (y.inner(), of_x, adapter_gradients(net, &gradients))
        };
        let (y, of_x, of_factors) = run(&|x| project(&net.proj, x));
        assert_eq!(of_factors.len(), 2);
        for forward in [
            (&|x| net.proj.forward_adapted(x)) as &dyn Fn(Tensor<3>) -> Tensor<3>,
            &|x| net.proj.forward(x),
        ] {
            let (other_y, other_x, other_factors) = run(forward);
            assert_close(y.clone(), other_y, 1e-5);
            assert_close(of_x.clone(), other_x, 1e-5);
            for (key, gradient) in &of_factors {
                let plain = anneal_testkit::device();
                let matrix = |data| Tensor::<2>::from_data(data, &plain);
                let other = matrix(other_factors[key].clone());
                assert_close(matrix(gradient.clone()), other, 1e-5);
            }
        }
    }
}
