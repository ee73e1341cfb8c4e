//! Other values for a module's parameters.
#![allow(dead_code, reason = "every test file uses a part of this")]

use anneal_testkit::random;
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::Tensor,
};

/// Gives every parameter, an adapter's included, values from `(-0.7, 0.7)`.
pub fn randomize<M: Module>(module: M, seed: u64) -> M {
    struct Randomize(u64);
    impl ModuleMapper for Randomize {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 1;
            let tracked = param.is_require_grad();
            param
                .map(|old| random(old.dims(), 0.7, self.0, &old.device()).set_require_grad(tracked))
        }
    }
    module.map(&mut Randomize(seed * 1000))
}

/// Moves every adapter's parameters by values from `(-bound, bound)`, as
/// training would; the same parameter of the same shape by the same values,
/// whatever other adapters there are.
///
/// # Panics
/// If there is nothing to move.
pub fn retrain<M: Module>(module: M, bound: f32) -> M {
    struct Move {
        stack: Vec<String>,
        bound: f32,
        moved: usize,
    }
    impl ModuleMapper for Move {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.stack.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.stack.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let path = self.stack.join(".");
            if !path.contains(".adapters.") {
                return param;
            }
            self.moved += 1;
            let tracked = param.is_require_grad();
            let seed = path.split('.').filter(|segment| *segment != "second");
            let seed = seed.filter(|segment| *segment != "default");
            let seed = seed.flat_map(str::bytes).fold(7_u64, |seed, byte| {
                seed.wrapping_mul(31).wrapping_add(byte.into())
            });
            param.map(|old| {
                let step = random(old.dims(), self.bound, seed, &old.device());
                (old.detach() + step).detach().set_require_grad(tracked)
            })
        }
    }
    let mut mover = Move {
        stack: vec![],
        bound,
        moved: 0,
    };
    let module = module.map(&mut mover);
    assert!(mover.moved > 0, "the module carries no adapter");
    module
}

/// Sets the one parameter whose path is `path` to one value.
///
/// # Panics
/// If there is no such path.
pub fn fill<M: Module>(module: M, path: &str, value: f32) -> M {
    struct Fill<'a> {
        stack: Vec<String>,
        seen: Vec<String>,
        path: &'a str,
        value: f32,
    }
    impl ModuleMapper for Fill<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.stack.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.stack.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.seen.push(self.stack.join("."));
            if self.seen.last().is_none_or(|last| last != self.path) {
                return param;
            }
            let tracked = param.is_require_grad();
            param.map(|old| {
                let (dims, device, dtype) = (old.dims(), old.device(), old.dtype());
                let new = Tensor::<D>::full(dims, self.value, &device).cast(dtype);
                new.set_require_grad(tracked)
            })
        }
    }
    let mut fill = Fill {
        stack: vec![],
        seen: vec![],
        path,
        value,
    };
    let module = module.map(&mut fill);
    assert!(fill.seen.iter().any(|seen| seen == path), "{:?}", fill.seen);
    module
}
