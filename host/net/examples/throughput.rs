//! Moves bytes between two containers of one network and prints how fast:
//! `cargo run --release --example throughput -p coracle-net [GIGABYTES]`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use coracle_net::{EndpointSpec, Fabric, FabricOptions, Family, NetworkSpec, Shutdown, Stack, StackOptions, TcpSocket};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn container(fabric: &Fabric, network: &Arc<coracle_net::Network>, name: &str) -> Result<Arc<Stack>, Failure> {
    let id = format!("{name:0>64}");
    let stack = fabric.stack(StackOptions { id: id.clone(), name: name.to_owned(), ..StackOptions::default() });
    stack.connect(network, EndpointSpec { id, ..EndpointSpec::default() })?;
    Ok(stack)
}

/// Sends `total` bytes in pieces of `piece`; answers seconds.
async fn run(from: &Arc<Stack>, to: &Arc<Stack>, total: usize, piece: usize) -> Result<f64, Failure> {
    let listening = TcpSocket::new(to, Family::Ipv4)?;
    listening.bind("0.0.0.0:9000".parse()?)?;
    listening.listen()?;
    let address = to.endpoints().first().and_then(|endpoint| endpoint.ipv4()).ok_or("no address")?.addr();
    let client = TcpSocket::new(from, Family::Ipv4)?;
    let (_, writer) = client.connect(SocketAddr::new(IpAddr::V4(address), 9000)).await?;
    let (_server, reader, _) = listening.next_connection().await?;
    let began = Instant::now();
    let sender = tokio::spawn(async move {
        // Fresh bytes for every piece, as a guest's write copies them out of its memory.
        let pattern: Vec<u8> = (0..piece).map(|number| (number % 251) as u8).collect();
        let mut sent = 0;
        while sent < total {
            writer.write_all(Bytes::copy_from_slice(&pattern)).await?;
            sent += piece;
        }
        client.shutdown(Shutdown::Send)?;
        Ok::<_, Failure>(sent)
    });
    let mut received = 0;
    loop {
        let data = reader.read(1 << 20).await?;
        if data.is_empty() {
            break;
        }
        for (byte, place) in data.iter().step_by(4096).zip((received..).step_by(4096)) {
            if usize::from(*byte) != (place % piece) % 251 {
                return Err("bytes out of order".into());
            }
        }
        received += data.len();
    }
    let sent = sender.await??;
    if sent != received {
        return Err("bytes lost".into());
    }
    Ok(began.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let gigabytes: usize = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let total = gigabytes << 30;
    let fabric = Fabric::new(FabricOptions::new(tokio::runtime::Handle::current()));
    let network = fabric.create_network(NetworkSpec::bridge(format!("{:0>64}", "net"), "net"))?;
    let (a, b) = (container(&fabric, &network, "a")?, container(&fabric, &network, "b")?);
    for piece in [1 << 10, 4 << 10, 64 << 10, 256 << 10] {
        let seconds = run(&a, &b, total, piece).await?;
        let rate = total as f64 / seconds / 1e9;
        println!("{gigabytes} GiB in writes of {piece:>6} bytes: {seconds:>6.2} s, {rate:>5.2} GB/s");
    }
    let began = Instant::now();
    let count = 10_000;
    let listening = TcpSocket::new(&b, Family::Ipv4)?;
    listening.bind("0.0.0.0:9001".parse()?)?;
    listening.listen()?;
    let address = b.endpoints().first().and_then(|endpoint| endpoint.ipv4()).ok_or("no address")?.addr();
    for _ in 0..count {
        let client = TcpSocket::new(&a, Family::Ipv4)?;
        let _streams = client.connect(SocketAddr::new(IpAddr::V4(address), 9001)).await?;
        let _accepted = listening.next_connection().await?;
    }
    println!("{count} connections: {:.1} µs each", began.elapsed().as_secs_f64() * 1e6 / f64::from(count));
    Ok(())
}
