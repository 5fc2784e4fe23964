//! A page over two rump kernels: one serves it with hyper, the other fetches it, and a cable in memory joins them.
//!
//! ```console
//! $ cargo run -p rumpkit --features tokio --example http-server
//! $ cargo run -p rumpkit --features tokio --example http-server sockin
//! ```
//!
//! No socket, interface or address of the host is touched: both stacks are in this program. With `sockin` it is the other
//! way round: the kernels' sockets are the host's, and any browser of the host might ask, too.

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rumpkit::net::tokio::{TcpListener, TcpStream};
use rumpkit::net::{Interface, wire::Wire};
use rumpkit::{Kernel, PosixHost};
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;

const PAGE: &str =
    "<!doctype html>\n<title>rump</title>\n<p>This page came over two kernels in one process.\n";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (server, client, address) = match std::env::args().nth(1).as_deref() {
        Some("sockin") => {
            let kernel = || rumpkit::kernel_with_sockin(PosixHost::new());
            (kernel()?, kernel()?, "127.0.0.1:0")
        }
        Some(word) => return Err(format!("{word:?}: is not sockin").into()),
        None => {
            let wire = Wire::new();
            (kernel(&wire, "10.0.0.1/24")?, kernel(&wire, "10.0.0.2/24")?, "10.0.0.1:80")
        }
    };

    let listener = TcpListener::bind(&server.process(), address)?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener));

    let (status, page) = fetch(&client, address).await?;
    println!("{status}\n\n{page}");
    serving.abort();
    if status != StatusCode::OK || page != PAGE {
        return Err("the page is another".into());
    }
    Ok(())
}

/// A kernel with one interface on the wire.
fn kernel(wire: &Wire, address: &str) -> io::Result<Kernel> {
    let kernel = rumpkit::kernel(PosixHost::new())?;
    let interface = Interface::attach(&kernel, "eth0", wire.end())?;
    interface.add_address(address.parse()?)?;
    interface.up()?;
    Ok(kernel)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, from) = listener.accept().await?;
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await {
                eprintln!("{from}: {error}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let page = if request.uri().path() == "/" { PAGE } else { "" };
    let mut response = Response::new(Full::from(page));
    if page.is_empty() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

async fn fetch(kernel: &Kernel, address: SocketAddr) -> Result<(StatusCode, String), Box<dyn Error>> {
    let stream = TcpStream::connect(&kernel.process(), address).await?;
    let (mut http, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/").header("host", address.to_string()).body(Empty::<Bytes>::new())?;
    let response = http.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    drop(http);
    connection.await??;
    Ok((status, String::from_utf8(body.to_vec())?))
}
