/// Placeholder.
#[derive(Debug)]
pub struct Handle;
impl Handle {
    pub async fn now(&self) -> Result<(), String> {
        Ok(())
    }
}
