//! Random numbers, ready before they are needed.

/// Seeds this thread's random numbers. The first use costs tens of milliseconds, which would else
/// be taken for a partner's TLS handshake.
pub fn warm_up() {
    let mut seed = [0; 32];
    if aws_lc_rs::rand::fill(&mut seed).is_err() {
        tracing::error!("the machine gives no random numbers");
    }
}
