//! Listens to Alertmanager's notifications.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::http;
use crate::notice::{Notice, Receiver};

/// From the connection to the last byte of a notification.
const DELIVERY_LIMIT: Duration = Duration::from_secs(2);
/// Notifications that wait to be read; Alertmanager resends the rest.
const WAITING_MAX: usize = 256;

/// A listener on loopback. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Webhook {
    address: SocketAddr,
    received: mpsc::Receiver<Notice>,
    is_over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Listens at a free port from now on.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(crate) fn listen() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("could not listen to notifications")?;
        let address = listener.local_addr()?;
        let (sender, received) = sync_channel(WAITING_MAX);
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = std::thread::Builder::new()
            .name("webhook".to_owned())
            .spawn(move || {
                for stream in listener.incoming() {
                    if told.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Ok(stream) = stream {
                        serve(stream, &sender);
                    }
                }
            })?;
        Ok(Self {
            address,
            received,
            is_over,
            listener: Some(thread),
        })
    }

    /// The URL of a receiver.
    pub(crate) fn url(&self, receiver: Receiver) -> String {
        format!("http://{}/{receiver}", self.address)
    }

    /// The oldest unread notification.
    pub(crate) fn next(&self) -> Option<Notice> {
        self.received.try_recv().ok()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The thread waits for a connection. Without one it ends with this program.
        if TcpStream::connect_timeout(&self.address, DELIVERY_LIMIT).is_ok()
            && let Some(listener) = self.listener.take()
        {
            // It cannot panic, and nothing could report it.
            listener.join().unwrap_or_default();
        }
    }
}

fn serve(mut stream: TcpStream, sender: &SyncSender<Notice>) {
    let status = match take(&mut stream) {
        Ok(notice) => match sender.try_send(notice) {
            Ok(()) => "200 OK".to_owned(),
            Err(_) => "503 Service Unavailable".to_owned(),
        },
        Err(_) => "400 Bad Request".to_owned(),
    };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // Alertmanager sends again what it got no answer to.
    stream.write_all(answer.as_bytes()).unwrap_or_default();
}

fn take(stream: &mut TcpStream) -> Result<Notice> {
    stream.set_write_timeout(Some(DELIVERY_LIMIT))?;
    let request = http::receive(stream, DELIVERY_LIMIT)?;
    let receiver = Receiver::ALL
        .into_iter()
        .find(|receiver| request.first_line == format!("POST /{receiver} HTTP/1.1"))
        .context("there is no such receiver")?;
    Notice::read(receiver, &request.body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpClient;
    use crate::notice::tests::{notice, posted};
    use serde_json::json;

    #[test]
    fn notifications_arrive_at_their_receiver_and_nothing_else_does() {
        let webhook = Webhook::listen().unwrap();
        let client = HttpClient::at(&format!("http://{}", webhook.address)).unwrap();
        let firing = posted("firing", json!({}));
        client.send("POST", "/page", Some(&firing)).unwrap();
        for (method, path, body) in [
            ("POST", "/elsewhere", Some(&firing)),
            ("GET", "/page", None),
            ("POST", "/page", Some(&json!({}))),
        ] {
            let refused = client.send(method, path, body).unwrap_err().to_string();
            assert!(refused.ends_with("status 400"), "{refused}");
        }
        client.send("POST", "/ticket", Some(&firing)).unwrap();
        assert_eq!(webhook.next(), Some(notice(Receiver::Page, &firing)));
        assert_eq!(webhook.next(), Some(notice(Receiver::Ticket, &firing)));
        assert_eq!(webhook.next(), None);
        let address = webhook.address;
        drop(webhook);
        assert!(TcpStream::connect(address).is_err(), "it listens no more");
    }

    #[test]
    fn what_nobody_looks_at_is_sent_again_later() {
        let webhook = Webhook::listen().unwrap();
        let client = HttpClient::at(&format!("http://{}", webhook.address)).unwrap();
        let beat = posted("firing", json!({"alertname": "OutriderWatchdog"}));
        for _ in 0..WAITING_MAX {
            client.send("POST", "/heartbeat", Some(&beat)).unwrap();
        }
        let refused = client.send("POST", "/heartbeat", Some(&beat)).unwrap_err();
        assert!(refused.to_string().ends_with("status 503"), "{refused}");
        assert!(webhook.next().is_some());
        client.send("POST", "/heartbeat", Some(&beat)).unwrap();
    }
}
