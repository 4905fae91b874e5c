//! All tests of real processes as one program: what the SDK's client costs to compile, it costs once.

mod chaos;
mod crowd;
mod drills;
mod faults;
mod kills;
mod members;
mod power_cut;
mod real;
mod restart;
mod rolling;
mod sdk_operations;
mod tidy;
mod zone_loss;
