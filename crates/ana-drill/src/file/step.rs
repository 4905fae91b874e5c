//! One step: when, what, at whom, for how long.

use crate::action::Action;
use crate::document::Value;
use crate::error::{DrillError, Fault};
use crate::fields::Fields;
use crate::quantity::Span;
use crate::targets::Target;

/// The longest a fault lasts, as in FIS.
pub(crate) const FAULT_LONGEST: Span = Span::from_secs(12 * 3600);

/// One step of a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is called in reports; where absent, by its number.
    pub name: Option<String>,
    /// When it fires, counted from the start.
    pub at: Span,
    /// What it does.
    pub action: Action,
    /// What it is aimed at.
    pub on: Target,
    /// How long it lasts; absent for what is done once.
    pub lasts: Option<Span>,
}

impl Step {
    /// Reads step `number`, counted from one.
    pub(super) fn read(number: usize, value: Value) -> Result<Step, DrillError> {
        let mut fields = Fields::of(format!("step {number}"), "step", value)?;
        let action: String = fields.required("do")?;
        fields.stands_at(format!("step {number} ({action})"));
        let name = fields.optional("name")?;
        let at = fields.required("at")?;
        let on: String = fields.required("on")?;
        let on: Target = on
            .parse()
            .map_err(|error| Fault::Target(error).at(fields.place()))?;
        let lasts: Option<Span> = fields.optional("for")?;
        let action = Action::read(&action, &mut fields)?;
        let step = Step {
            name,
            at,
            action,
            on,
            lasts,
        };
        step.check().map_err(|fault| fault.at(fields.place()))?;
        fields.finish()?;
        Ok(step)
    }

    /// Refuses what one field alone cannot tell. A step that was read has passed; one that was made has not.
    pub fn check(&self) -> Result<(), Fault> {
        let spec = self.action.spec();
        match self.lasts {
            Some(_) if !spec.revert.lasts() => return Err(Fault::ForRefused(spec.name)),
            None if spec.revert.lasts() => return Err(Fault::ForMissing(spec.name)),
            Some(Span::ZERO) => return Err(Fault::Nothing("for".to_owned())),
            Some(lasts) if lasts > FAULT_LONGEST => {
                return Err(Fault::TooLong {
                    key: "for",
                    found: lasts,
                    most: FAULT_LONGEST,
                });
            }
            _ => {}
        }
        self.action.check_target(&self.on)
    }
}
