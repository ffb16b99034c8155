//! The listener's certificate and key, read again when their files change.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use outrider_domain::model::ListenTls;
use outrider_domain::secret::{SecretRef, read_chain, read_private_key};
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What new connections use.
pub type TlsConfigs = watch::Receiver<Arc<ServerConfig>>;

/// Inode, size and time of both files.
type Stamps = [Option<(u64, u64, i64, i64)>; 2];

/// Reads both files, and again whenever they change, until the receiver is gone. A pair that cannot be used leaves the
/// previous one in use.
///
/// # Errors
/// Why they cannot be used now.
pub fn watch(tls: ListenTls) -> Result<TlsConfigs, String> {
    let mut stamps = read_stamps(&tls);
    let (sender, receiver) = watch::channel(load(&tls)?);
    // It ends when the receiver is gone; nothing waits for it.
    drop(tokio::spawn(async move {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let tls = Arc::new(tls);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = sender.closed() => return,
            }
            let files = Arc::clone(&tls);
            let work = move || {
                let now = read_stamps(&files);
                (now, (now != stamps).then(|| load(&files)))
            };
            let Ok((now, loaded)) = tokio::task::spawn_blocking(work).await else {
                return tracing::error!("the listener's certificate is not read any more");
            };
            stamps = now;
            match loaded {
                None => {}
                Some(Ok(config)) => {
                    tracing::info!("the listener's certificate was read again");
                    sender.send_replace(config);
                }
                Some(Err(why)) => {
                    tracing::error!(error = %why, "the listener keeps its previous certificate");
                }
            }
        }
    }));
    Ok(receiver)
}

fn read_stamps(tls: &ListenTls) -> Stamps {
    [&tls.certificate, &tls.key].map(|path| {
        let stamp =
            |found: Metadata| (found.ino(), found.size(), found.mtime(), found.mtime_nsec());
        std::fs::metadata(path).ok().map(stamp)
    })
}

fn load(tls: &ListenTls) -> Result<Arc<ServerConfig>, String> {
    let chain = read_chain(&tls.certificate)
        .map_err(|why| format!("the certificate {}: {why}", tls.certificate.display()))?;
    let key = read_private_key(&SecretRef::File(tls.key.clone()))
        .map_err(|why| format!("the key {}: {why}", tls.key.display()))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            format!("{certificate} and {key} do not fit together: {why}")
        })?;
    Ok(Arc::new(config))
}
