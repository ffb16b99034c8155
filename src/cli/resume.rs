//! `outrider resume`: a person lifts the pause that a disclosure put on a journey.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::exit::Exit;
use super::files::Files;
use super::out;

/// The agent is on this machine; it answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer taken in.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What `resume` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The journey that is paused
    journey: String,
    /// The partner at which it is paused
    #[arg(long)]
    partner: String,
    /// Where the agent listens, instead of the address in its file
    #[arg(long, value_name = "ADDRESS")]
    agent: Option<SocketAddr>,
    #[command(flatten)]
    files: Files,
}

impl Resume {
    pub(super) fn carry_out(self) -> Result<Exit, Exit> {
        let address = match self.agent {
            Some(address) => address,
            None => self.files.plan()?.settings.listen,
        };
        let body = serde_json::json!({"partner": self.partner, "journey": self.journey});
        match post(address, &body.to_string()) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") => {
                out::say(&format!("resumed {}/{}", self.partner, self.journey));
                Ok(Exit::Fine)
            }
            Ok(_) => {
                let help = format!("paused journeys are listed at http://{address}/");
                out::print_error(&format!(
                    "{}/{} is not paused; {help}",
                    self.partner, self.journey
                ));
                Err(Exit::Usage)
            }
            Err(why) => {
                let help = "start it, or name its address with --agent";
                out::print_error(&format!("no agent answers at {address}: {why}; {help}"));
                Err(Exit::CouldNotLook)
            }
        }
    }
}

/// One small request to our own agent; its whole answer as text.
fn post(address: SocketAddr, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "POST /v1/resume HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
