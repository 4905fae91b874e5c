//! The API of AWS FIS without its edges: what a request asks for, whether it may stand, what templates and experiments
//! are, and how they look to a client.
//!
//! ```text
//!   request   method, path and query -> which operation          page      lists in pieces
//!   body      a template as a client writes it -> checked        moment    seconds since 1970
//!   template  one that is kept          experiment  one that runs or ran, with its actions
//!   ending    what became of a run -> state and reason           catalogue the actions that are known
//! ```
//! Must stay true: pure like the rest of the crate; a template that is kept can be run; an experiment that has ended
//! never changes again.

pub mod refusal;
pub mod request;
pub mod page;
pub mod moment;
pub mod identity;
pub mod body;
pub mod template;
pub mod experiment;
pub mod ending;
pub mod catalogue;

pub use body::Body;
pub use experiment::Experiment;
pub use refusal::Refusal;
pub use request::Operation;
pub use template::Template;

/// Templates that are kept; as many as AWS gives an account.
pub const TEMPLATES_MAX: usize = 500;
/// Experiments that are kept.
pub const EXPERIMENTS_MAX: usize = 1000;
/// A request's body; a template of the largest members is far smaller.
pub const BODY_BYTES_MAX: usize = 256 << 10;
