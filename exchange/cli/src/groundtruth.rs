//! `exchange groundtruth`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use exchange_groundtruth::{Shared, listen, router};
use exchange_kit::clock::{Clock, Stopwatch};
use exchange_sandbox::fault::Leaf;
use exchange_sandbox::trust::{self, ClientCertificates};
use serde_json::json;

use crate::failure::Failure;
use crate::output::say;
use crate::startup::{Signal, log, port, prepare, stop_signals, untrusted};

const HELP: &str = "\
An address says how it is answered: /any/do/head_ms=200,status=503/rest. Words, joined by commas:
  status=N       the status
  head_ms=N      from the last byte of the request to the head
  body_ms=N      from the head to the last byte of the body, sent in pieces=N
  bytes=N        a body of so many bytes; body=echo the request as it was received
  expires_in=N   the lifetime of a token that a path ending in /token grants
  location=URL   a redirect's, percent-encoded
  end=WORD       whole, hang, close, reset (without a byte), stall, cut, torn (in mid-body)
  keep=yes       head and body of the request go into the log

On the control address:
  PUT /orders    {\"path\":\"/a\",\"behaviour\":{\"status\":503,\"headers\":[[\"set-cookie\",\"a=1\"]]},\"times\":1,\"after\":0}
                 the same for every address that begins so; outweighs what the address says
  GET, DELETE /orders
  PUT /door      {\"accept_ms\":200}: connections wait this long before they are read from
  GET /log?from=SEQ   one line of JSON a request: accept, first and last byte in and out, in ns
  GET /counts    requests by the first part of their path";

#[derive(Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// Folder for the CA; made when it is not there.
    #[arg(long)]
    state: PathBuf,
    /// Port for plain HTTP; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port for HTTPS; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    tls_port: u16,
    /// Port of orders and log; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    log();
    // Fails only when a provider is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap_or_default();
    prepare(&arguments.state)?;
    // One thread: its times must not wait for another thread to wake.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let state = std::path::absolute(&arguments.state).map_err(Failure::internal)?;
    let today = Clock::System.today();
    let certificates = trust::server(&state, today, ClientCertificates::NotAsked)
        .map_err(|error| untrusted(&state, &error))?;
    let tls = certificates.with(Leaf::Good);
    let plain = port("--port", arguments.port).await?;
    let secure = port("--tls-port", arguments.tls_port).await?;
    let control = port("--control-port", arguments.control_port).await?;
    let address = |port: &tokio::net::TcpListener| port.local_addr().map_err(Failure::internal);
    let ready = json!({
        "ready": "groundtruth",
        "plain": format!("http://{}", address(&plain)?),
        "tls": format!("https://{}", address(&secure)?),
        "control": format!("http://{}", address(&control)?),
        "trust": state.join("ca.pem"),
    });
    let shared = Arc::new(Shared::new(Stopwatch::start()));
    let mut stop = stop_signals()?;
    say(&ready.to_string())?;
    tokio::select! {
        () = listen(plain, None, Arc::clone(&shared)) => {}
        () = listen(secure, tls, Arc::clone(&shared)) => {}
        ended = axum::serve(control, router(shared)).into_future() => ended.map_err(Failure::internal)?,
        () = async { while stop.wait().await != Signal::Stop {} } => tracing::info!("stopping"),
    }
    Ok(())
}
