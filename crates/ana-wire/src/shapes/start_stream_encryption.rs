//! `StartStreamEncryption`: no output.

use ana_types::EncryptionType;

use crate::shapes::StreamTarget;
use crate::shapes::monitoring::encryption_type_of;
use crate::tree::Fields;

/// Request of `StartStreamEncryption`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartStreamEncryptionInput {
    /// The stream to change.
    pub stream: StreamTarget,
    /// The model allows `NONE`; the domain does not.
    pub encryption_type: EncryptionType,
    /// The key as the client named it: a GUID, an ARN, or an alias.
    pub key_id: String,
}

impl StartStreamEncryptionInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            encryption_type: fields.required_choice("EncryptionType", encryption_type_of),
            key_id: fields.required_text("KeyId"),
        }
    }
}
