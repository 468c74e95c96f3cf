use crate::host::{Hand, Result};
use rhai::{NativeCallContext, plugin::*};

/// What the reader of a run sees besides steps and findings.
#[export_module]
pub(crate) mod ui {
    /// Returns nothing; shows a line to the reader of the run, and keeps it in the journal.
    ///
    /// Effect: none. Errors: none.
    /// ```rhai
    /// ui::note("comparing shop/cart-0 with shop/web-1");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn note(cx: NativeCallContext<'_>, text: &str) -> Result<()> {
        Hand::of(&cx)?.session.note(text);
        Ok(())
    }
}
