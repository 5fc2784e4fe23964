//! netstack3 with one interface and one listener.

use crate::Outcome;
use netstack3::base::TcpSocketState;
use netstack3::base::socket::ShutdownType;
use netstack3::core_stack::routes::{Entry, Generation, Metric, RoutePreference};
use netstack3::device::ethernet::{
    EthernetCreationProperties, EthernetDeviceId, EthernetLinkDevice, MaxEthernetFrameSize,
    RecvEthernetFrameMeta,
};
use netstack3::device::{DeviceId, WeakDeviceId};
use netstack3::host::{HostConnectionBuffers, HostTcpBuffers};
use netstack3::ip::device::{IpDeviceConfigurationUpdate, Ipv4DeviceConfigurationUpdate};
use netstack3::net_types::UnicastAddr;
use netstack3::net_types::ethernet::Mac;
use netstack3::net_types::ip::{AddrSubnet, Ipv4, Ipv4Addr, Mtu, Subnet};
use netstack3::packet::Buf;
use netstack3::tcp::{AcceptError, Buffer, TcpSocketId};
use netstack3::{HostBindingsCtx, HostDeviceIdentifier, HostDeviceState, RawMetric, SentFrame};
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::{Duration, Instant};

/// No less than what the others have.
const BUFFER: usize = 4 << 20;
const METRIC: RawMetric = RawMetric(100);

type Socket = TcpSocketId<Ipv4, WeakDeviceId<HostBindingsCtx>, HostBindingsCtx>;

/// A connection, and the program's ends of its buffers.
pub struct Connection {
    socket: Socket,
    buffers: HostConnectionBuffers,
}

/// The stack with its interface.
pub struct Stack {
    stack: netstack3::Stack,
    device: EthernetDeviceId<HostBindingsCtx>,
    listener: Socket,
}

impl Stack {
    /// One that has this address.
    pub fn new(address: std::net::Ipv4Addr, prefix: u8) -> Outcome<Self> {
        let mut stack = netstack3::Stack::new();
        let mac = UnicastAddr::new(Mac::new([2, 0, 0, 0, 0, 1])).ok_or("a unicast address")?;
        let max_frame_size = MaxEthernetFrameSize::from_mtu(Mtu::new(1500)).ok_or("an MTU of Ethernet")?;
        let device = stack.api().device::<EthernetLinkDevice>().add_device(
            HostDeviceIdentifier::new("eth0"),
            EthernetCreationProperties { mac, max_frame_size, tx_offload_spec: Default::default() },
            METRIC,
            HostDeviceState,
            Default::default(),
        );
        let id = DeviceId::from(device.clone());
        let ip_config = IpDeviceConfigurationUpdate { ip_enabled: Some(true), ..Default::default() };
        let update = Ipv4DeviceConfigurationUpdate { ip_config, ..Default::default() };
        let updated = stack.api().device_ip::<Ipv4>().update_configuration(&id, update);
        updated.map_err(|error| format!("{error:?}"))?;
        let address = Ipv4Addr::new(address.octets());
        let own = AddrSubnet::new(address, prefix).map_err(|error| format!("{error:?}"))?;
        let added = stack.api().device_ip::<Ipv4>().add_ip_addr_subnet(&id, own);
        added.map_err(|error| format!("{error:?}"))?;
        add_route(&mut stack, own.subnet(), id);
        let listener = stack.api().tcp::<Ipv4>().create(HostTcpBuffers::default());
        Ok(Self { stack, device, listener })
    }

    /// Listens, with large buffers.
    pub fn listen(&mut self, port: u16) -> Outcome {
        let port = NonZeroU16::new(port).ok_or("no port")?;
        let mut tcp = self.stack.api().tcp::<Ipv4>();
        tcp.set_receive_buffer_size(&self.listener, BUFFER);
        tcp.set_send_buffer_size(&self.listener, BUFFER);
        tcp.bind(&self.listener, None, Some(port)).map_err(|error| format!("{error:?}"))?;
        tcp.listen(&self.listener, NonZeroUsize::MIN).map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    /// A connection, once there is one.
    pub fn accept(&mut self) -> Outcome<Option<Connection>> {
        match self.stack.api().tcp::<Ipv4>().accept(&self.listener) {
            Ok((socket, _, buffers)) => Ok(Some(Connection { socket, buffers })),
            Err(AcceptError::WouldBlock) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a frame of the link.
    pub fn receive(&mut self, frame: &mut [u8]) {
        let meta =
            RecvEthernetFrameMeta { device_id: self.device.clone(), parsing_context: Default::default() };
        self.stack.api().device::<EthernetLinkDevice>().receive_frame(meta, Buf::new(frame, ..));
    }

    /// Does what is due. Answers the frames for the link.
    pub fn poll(&mut self) -> Vec<SentFrame> {
        self.stack.poll();
        self.stack.take_events();
        self.stack.take_sent_frames()
    }

    /// How long until a timer is due.
    pub fn until_timer(&self) -> Option<Duration> {
        let deadline = self.stack.next_timer_deadline()?;
        Some(deadline.into_std().saturating_duration_since(Instant::now()))
    }

    /// Copies what has come. Answers how many bytes.
    pub fn read(&mut self, connection: &Connection, into: &mut [u8]) -> usize {
        let count = connection.buffers.receive.read(into);
        if count > 0 {
            self.stack.api().tcp::<Ipv4>().on_receive_buffer_read(&connection.socket);
        }
        count
    }

    /// Queues as much as there is room for. Answers how many bytes.
    pub fn write(&mut self, connection: &Connection, from: &[u8]) -> usize {
        let mut tcp = self.stack.api().tcp::<Ipv4>();
        let limits = tcp.with_send_buffer(&connection.socket, |buffer| buffer.limits());
        // The queue takes everything; what is beyond the buffer's room would stay in it.
        let room = limits.map_or(0, |limits| limits.capacity - limits.len);
        let count = room.saturating_sub(connection.buffers.send.len()).min(from.len());
        if count > 0 {
            connection.buffers.send.write(&from[..count]);
            tcp.do_send(&connection.socket);
        }
        count
    }

    /// Ends our direction behind what is queued.
    pub fn shut_down(&mut self, connection: &Connection) -> Outcome {
        let done = self.stack.api().tcp::<Ipv4>().shutdown(&connection.socket, ShutdownType::Send);
        done.map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    /// Where the connection is.
    pub fn state(&mut self, connection: &Connection) -> TcpSocketState {
        self.stack.api().tcp::<Ipv4>().get_tcp_info(&connection.socket).state
    }
}

/// Makes the interface the way to its network.
fn add_route(stack: &mut netstack3::Stack, subnet: Subnet<Ipv4Addr>, device: DeviceId<HostBindingsCtx>) {
    let entry = Entry {
        subnet,
        device,
        gateway: None,
        metric: Metric::ExplicitMetric(METRIC),
        route_preference: RoutePreference::default(),
    };
    let mut routes = stack.api().routes::<Ipv4>();
    let table = routes.main_table_id();
    routes.set_routes(&table, vec![entry.with_generation(Generation::initial())]);
}
