//! AWS's texts for a value of the wrong type, the same for every format.

use crate::fault::Fault;
use crate::model::Kind;
use crate::validate::shortened;

/// What a value in a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Boolean,
    Number,
    Text,
    /// Raw bytes, which JSON does not have.
    Bytes,
    List,
    Structure,
}

impl Found {
    /// AWS's text when something of this kind stands where `wanted` should.
    pub(crate) fn refusal(self, wanted: &Kind) -> Fault {
        let class = match self {
            Self::Boolean => "java.lang.Boolean",
            Self::Number => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
            Self::Text => "java.lang.String",
            Self::Bytes => "java.nio.HeapByteBuffer",
            Self::List => return Fault::serialization("Start of list found where not expected"),
            Self::Structure => {
                return Fault::serialization("Start of structure or map found where not expected.");
            }
        };
        Fault::serialization(match wanted {
            Kind::Boolean => format!("class {class} can not be converted to an Boolean"),
            Kind::Integer => format!("class {class} can not be converted to an Integer"),
            Kind::Long => format!("class {class} can not be converted to an Long"),
            Kind::Timestamp => {
                format!("class {class} can not be converted to milliseconds since epoch")
            }
            Kind::Text => format!("class {class} can not be converted to an String"),
            Kind::Blob => format!("class {class} can not be converted to a Blob"),
            Kind::List(_) => "Expected list or null".to_owned(),
            Kind::Map(..) => "Expected map or null".to_owned(),
            Kind::Structure(_) => return self.refusal_of_structure(),
        })
    }

    /// AWS's text when something of this kind stands where a structure should.
    pub(crate) fn refusal_of_structure(self) -> Fault {
        match self {
            Self::Boolean | Self::Number | Self::Text | Self::Bytes => {
                Fault::serialization("Expected null")
            }
            Self::List | Self::Structure => self.refusal(&Kind::Blob),
        }
    }
}

/// AWS's text for a string where a truth value should be.
pub(crate) fn text_for_boolean(text: &str) -> Fault {
    Fault::serialization(format!(
        "'{}' can not be converted to an Boolean",
        shortened(text).to_uppercase()
    ))
}
