//! What the tests on real components share: the Docker engines that `tests/real/engine-up` brought up, and a lab on each.
#![expect(clippy::disallowed_methods, reason = "the tests drive real programs on real files")]

mod command;
mod crash;
mod dice;
mod engine;
mod gate;
mod lab;
mod proof;
mod running;
mod sshd;
mod stale;

pub(crate) use command::Ran;
pub(crate) use dice::Dice;
pub(crate) use engine::{
    Builder, Engine, SmallEngine, elsewhere, engines, run_on, run_on_all_of, skipped, write_executable,
};
pub(crate) use gate::Gate;
pub(crate) use lab::{Lab, OtherHost};
pub(crate) use running::{Running, ended};
pub(crate) use sshd::HOST;

/// Turns functions `fn(Engine, Builder)` into a test for every engine and builder: `<function>::classic_e20` and so on.
///
/// Tests start in the order of their names, and one engine serves one test at a time: the builder stands first, so that
/// neighbours are on different engines.
///
/// What was measured on every pair and is watched on the two that differ most, classic 20.10 and BuildKit 26.1, stands
/// behind `corners:`; `UNSTALE_HARD=all` runs it on the other two as well.
///
/// A test whose engine is not up says so and passes, unless `UNSTALE_REQUIRE_REAL=1`.
macro_rules! on_real_engines {
    (corners: $($function:ident),+ $(,)?) => {$(
        mod $function {
            use crate::support::{Builder, run_on, run_on_all_of};

            #[test]
            fn classic_e20() {
                run_on("e20", Builder::Classic, super::$function);
            }

            #[test]
            fn buildkit_e20() {
                run_on_all_of("e20", Builder::BuildKit, super::$function);
            }

            #[test]
            fn classic_e26() {
                run_on_all_of("e26", Builder::Classic, super::$function);
            }

            #[test]
            fn buildkit_e26() {
                run_on("e26", Builder::BuildKit, super::$function);
            }
        }
    )+};
    ($($function:ident),+ $(,)?) => {$(
        mod $function {
            use crate::support::{Builder, run_on};

            #[test]
            fn classic_e20() {
                run_on("e20", Builder::Classic, super::$function);
            }

            #[test]
            fn buildkit_e20() {
                run_on("e20", Builder::BuildKit, super::$function);
            }

            #[test]
            fn classic_e26() {
                run_on("e26", Builder::Classic, super::$function);
            }

            #[test]
            fn buildkit_e26() {
                run_on("e26", Builder::BuildKit, super::$function);
            }
        }
    )+};
}
pub(crate) use on_real_engines;
