//! Taking the adapters out of any module, and putting changed ones back.
//!
//! burn erases the type of a reparameterization: its visitors and mappers see
//! the tensors in it, never itself. But the erased calls end in
//! [`Adapters`]'s own `visit` and `map`, on the same thread and before the
//! traversal goes on; so the two sides meet in a variable of this thread. It is
//! set for the length of one traversal and by this file alone.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use burn::{
    module::{Module, ModuleVisitor, Param, Reparameterizer},
    tensor::{DType, Tensor},
};

use super::Adapters;
use crate::{merge::Fold, traverse::Anatomy};

/// What the traversal that is under way is for.
enum Exchange {
    /// Somebody else's: adapters behave as plain modules.
    Idle,
    /// Every `Adapters` gives itself to be copied.
    Reading(Option<Adapters>),
    /// Every `Adapters` becomes what is given, if anything is.
    Writing(Option<Adapters>),
}

thread_local! {
    static EXCHANGE: RefCell<Exchange> = const { RefCell::new(Exchange::Idle) };
}

/// Returns the variable to idle, also when a traversal panics.
struct Session;

impl Session {
    fn begin(exchange: Exchange) -> Self {
        EXCHANGE.with(|cell| *cell.borrow_mut() = exchange);
        Self
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        EXCHANGE.with(|cell| *cell.borrow_mut() = Exchange::Idle);
    }
}

/// Called by [`Adapters`] when it is visited; whether it was being read.
pub(super) fn offer(adapters: &Adapters) -> bool {
    EXCHANGE.with(|cell| match &mut *cell.borrow_mut() {
        Exchange::Reading(slot) => {
            *slot = Some(adapters.clone());
            true
        }
        Exchange::Idle | Exchange::Writing(_) => false,
    })
}

/// Called by [`Adapters`] when it is mapped: `None` outside a [`Rewrite`], and
/// then what it becomes, if it changes.
pub(super) fn replacement() -> Option<Option<Adapters>> {
    EXCHANGE.with(|cell| match &mut *cell.borrow_mut() {
        Exchange::Writing(slot) => Some(slot.take()),
        Exchange::Idle | Exchange::Reading(_) => None,
    })
}

/// The adapters of a module by the paths of the parameters that carry them.
/// Copies share their tensors.
pub(crate) fn read<M: Module>(module: &M) -> BTreeMap<String, Adapters> {
    let _session = Session::begin(Exchange::Reading(None));
    let mut reader = Reader::default();
    module.visit(&mut reader);
    reader.found
}

/// Collects what [`offer`] puts into the thread's variable.
#[derive(Default)]
struct Reader {
    stack: Vec<String>,
    found: BTreeMap<String, Adapters>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.stack.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.stack.pop();
        if container_type == "Reparameterization" {
            let offered = EXCHANGE.with(|cell| match &mut *cell.borrow_mut() {
                Exchange::Reading(slot) => slot.take(),
                Exchange::Idle | Exchange::Writing(_) => None,
            });
            if let Some(adapters) = offered {
                self.found.insert(self.stack.join("."), adapters);
            }
        }
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {}
}

/// A change of a module's adapters and stored values, carried out at once.
#[derive(Default)]
pub(crate) struct Rewrite {
    /// What parameters carry from now on, by their paths.
    pub adapters: HashMap<String, Adapters>,
    /// New stored values, flat, by the parameters' paths.
    pub bases: HashMap<String, Tensor<1>>,
    /// Whether every stored value stops being trained.
    pub freeze: bool,
    /// What computes merged values, shared with whoever waits for its report.
    pub fold: Option<Rc<RefCell<Fold>>>,
}

impl Rewrite {
    /// Changes the module.
    pub(crate) fn apply<M: Module>(self, module: M) -> M {
        let carried = read(&module);
        let _session = Session::begin(Exchange::Writing(None));
        module.apply_reparameterization(Writer {
            rewrite: self,
            carried,
        })
    }
}

struct Writer {
    rewrite: Rewrite,
    carried: BTreeMap<String, Adapters>,
}

impl Reparameterizer for Writer {
    type Reparam = Adapters;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<Adapters>) {
        let param = if self.rewrite.freeze {
            param.set_require_grad(false)
        } else {
            param
        };
        let folded = self.rewrite.fold.as_ref();
        let folded = folded.and_then(|fold| fold.borrow_mut().value(path, &param.base()));
        let param = match folded {
            Some(value) => param.map(|old| like(value, &old)),
            None => param,
        };
        let param = match self.rewrite.bases.remove(path) {
            Some(flat) => param.map(|old| {
                let value = flat.reshape(old.shape());
                like(value, &old)
            }),
            None => param,
        };
        let new = self.rewrite.adapters.remove(path);
        if self.carried.contains_key(path) {
            // The parameter gets its own back after this call; they change
            // themselves, in `Adapters::map`, which burn calls next.
            EXCHANGE.with(|cell| *cell.borrow_mut() = Exchange::Writing(new));
            return (param, None);
        }
        (param, new)
    }
}

/// A new value for a parameter, of the type and trained as the old one was.
fn like<const D: usize>(value: Tensor<D>, old: &Tensor<D>) -> Tensor<D> {
    let value = match old.dtype() {
        // What was packed and changed is dense from now on.
        DType::QFloat(_) => value,
        dtype => value.cast(dtype),
    };
    let value = if old.is_autodiff() && !value.is_autodiff() {
        Tensor::from_inner(value)
    } else {
        value
    };
    value.set_require_grad(old.is_require_grad())
}

/// Drops what carries no entry any more, so that the module is as bare as
/// before; a module that still carries adapters keeps the empty ones, which do
/// nothing.
pub(crate) fn drop_idle<M: Module>(module: M) -> M {
    let carried = read(&module);
    let idle = carried.values().all(|adapters| adapters.entries.is_empty());
    // Somebody else's reparameterizations would be folded in with ours.
    let foreign = Anatomy::of(&module).params.iter().any(|site| site.foreign);
    if idle && !carried.is_empty() && !foreign {
        return module.materialize();
    }
    module
}
