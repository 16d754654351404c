//! A plain WASI program, as a user would bring one: nothing but std.
//!
//! The end-to-end tests build it for wasip1 and wasip2, mount it into a container
//! and look at what it sees: `probe WHAT [ARGUMENT]…`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let what = arguments.get(1).map_or("", String::as_str);
    let rest = arguments.get(2..).unwrap_or_default();
    if let Err(error) = run(what, &arguments, rest) {
        eprintln!("probe: {what}: {error}");
        std::process::exit(1);
    }
}

fn operand(rest: &[String], index: usize) -> Result<&str, String> {
    rest.get(index).map(String::as_str).ok_or_else(|| format!("operand {index} is missing"))
}

fn run(what: &str, arguments: &[String], rest: &[String]) -> Outcome {
    match what {
        "arguments" => arguments.iter().for_each(|argument| println!("{argument}")),
        "environment" => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "echo" => {
            let mut input = Vec::new();
            std::io::stdin().read_to_end(&mut input)?;
            std::io::stdout().write_all(&input)?;
            eprintln!("{} bytes", input.len());
        }
        "exit" => std::process::exit(operand(rest, 0)?.parse()?),
        "panic" => panic!("as asked"),
        "read" => print!("{}", std::fs::read_to_string(operand(rest, 0)?)?),
        "write" => std::fs::write(operand(rest, 0)?, operand(rest, 1)?)?,
        "append" => {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(operand(rest, 0)?)?;
            file.write_all(operand(rest, 1)?.as_bytes())?;
        }
        "list" => {
            let mut names: Vec<_> = std::fs::read_dir(operand(rest, 0)?)?
                .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
                .collect::<Result<_, _>>()?;
            names.sort();
            names.iter().for_each(|name| println!("{name}"));
        }
        "rename" => std::fs::rename(operand(rest, 0)?, operand(rest, 1)?)?,
        "remove" => std::fs::remove_file(operand(rest, 0)?)?,
        "mkdir" => std::fs::create_dir(operand(rest, 0)?)?,
        "size" => println!("{}", std::fs::metadata(operand(rest, 0)?)?.len()),
        "directory" => println!("{}", std::env::current_dir()?.display()),
        "spin" => {
            let mut count = 0u64;
            loop {
                count = std::hint::black_box(count.wrapping_add(1));
            }
        }
        "allocate" => {
            let bytes: usize = operand(rest, 0)?.parse()?;
            let block = vec![1u8; bytes];
            println!("{}", std::hint::black_box(&block).len());
        }
        "serve" => {
            let listener = TcpListener::bind(operand(rest, 0)?)?;
            println!("listening");
            let (mut stream, _) = listener.accept()?;
            let mut input = String::new();
            stream.read_to_string(&mut input)?;
            stream.write_all(input.to_uppercase().as_bytes())?;
        }
        "connect" => {
            let mut stream = TcpStream::connect(operand(rest, 0)?)?;
            stream.write_all(operand(rest, 1)?.as_bytes())?;
            stream.shutdown(std::net::Shutdown::Write)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            println!("{answer}");
        }
        "serve-datagram" => {
            let socket = UdpSocket::bind(operand(rest, 0)?)?;
            println!("listening");
            let mut buffer = [0; 1500];
            let (count, from) = socket.recv_from(&mut buffer)?;
            socket.send_to(&buffer[..count], from)?;
        }
        "send-datagram" => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect(operand(rest, 0)?)?;
            socket.send(operand(rest, 1)?.as_bytes())?;
            let mut buffer = [0; 1500];
            let count = socket.recv(&mut buffer)?;
            println!("{}", String::from_utf8_lossy(&buffer[..count]));
        }
        _ => return Err("say arguments, environment, echo, exit, read, write, list, spin, serve, connect, …".into()),
    }
    Ok(())
}
