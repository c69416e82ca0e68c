/** What a cluster is, as plain data. Every figure carries where it came from. */
import type {
  Bytes,
  BytesPerSecond,
  Dollars,
  DollarsPerHour,
  DollarsPerJoule,
  FlopsPerSecond,
  Ratio,
  Seconds,
  Watts,
} from '../units/quantity.ts';

import type { FabricPlan } from './conditions.ts';

export const PROVENANCES = ['measured', 'calibrated', 'datasheet', 'assumed'] as const;
export type Provenance = (typeof PROVENANCES)[number];

/** A number with its origin. */
export interface Figure<Q extends number> {
  readonly value: Q;
  readonly from: Provenance;
  /** Paper, page or document; for an assumed value the reason. */
  readonly source: string;
}

/** Number formats a matrix unit multiplies in. */
export const MATRIX_DTYPES = ['fp32', 'tf32', 'fp16', 'bf16', 'fp8', 'fp4'] as const;
export type MatrixDtype = (typeof MATRIX_DTYPES)[number];

/**
 * A kind of matrix product: 2 m n k FLOPs take, at `rate`, (1 + rows/m + columns/n + depth/k) times as long as they would
 * if all matrices were large. Of attention m are the queries, n the keys and k is the width of a key.
 */
export interface ProductRate {
  readonly rate: Figure<FlopsPerSecond>;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}
/** How fast a processor's kernels are, by the names that `nameOf` in `kernels/op-name.ts` gives them. */
export interface KernelRates {
  readonly products: Readonly<Record<string, ProductRate>>;
  /** What multiplies no matrices, in bytes that it reads and writes. */
  readonly streams: Readonly<Record<string, Figure<BytesPerSecond>>>;
}

/** A card. Bandwidths are per direction. */
export interface Accelerator {
  readonly name: string;
  /** Dense peak (no sparsity) by dtype; a dtype that is absent is not supported by the matrix unit. */
  readonly peak: Readonly<Partial<Record<MatrixDtype, Figure<FlopsPerSecond>>>>;
  /** Best matrix-multiplication rate as a share of the peak, over shapes; the rest is lost to clocks and power. */
  readonly matrixEfficiency: Figure<Ratio>;
  /** The same for fp8 and fp4, whose products are too fast for the rest of the card; null where it is not known. */
  readonly narrowEfficiency: Figure<Ratio> | null;
  readonly memory: Figure<Bytes>;
  readonly memoryBandwidth: Figure<BytesPerSecond>;
  /** Share of the memory bandwidth that streaming kernels reach. */
  readonly memoryEfficiency: Figure<Ratio>;
  /** Streaming multiprocessors (compute units, cores): a matrix multiplication runs in waves of this many tiles. */
  readonly multiprocessors: Figure<number>;
  /** Time from one kernel's end to the next kernel's start. */
  readonly launch: Figure<Seconds>;
  readonly power: Figure<Watts>;
  /** Measured kernel by kernel; null where tiles, waves and the memory bandwidth say how long operations take. */
  readonly kernels: KernelRates | null;
}

/** Beside rings: NCCL and RCCL have hierarchies and trees, HCCL and Gloo halving and doubling too. */
export const COLLECTIVE_ALGORITHMS = ['hierarchical', 'tree', 'halving-doubling'] as const;
export type CollectiveAlgorithm = (typeof COLLECTIVE_ALGORITHMS)[number];

/** A class of links as one device sees it. */
export interface Link {
  /** Per device and direction, as the datasheet says it. */
  readonly bandwidth: Figure<BytesPerSecond>;
  /** Share of `bandwidth` that large messages reach. */
  readonly efficiency: Figure<Ratio>;
  /** From the start of a message to its first byte at the receiver. */
  readonly latency: Figure<Seconds>;
}

/** Low to high: what is known of a price. */
export interface Span<Q extends number> {
  readonly low: Q;
  readonly high: Q;
}

export const NOT_GIVEN = 'not given';

/** When and where a price was seen, and by whom. */
export interface Quoted {
  /** `NOT_GIVEN` where nobody said. */
  readonly date: string;
  readonly region: string;
  readonly from: Provenance;
  readonly source: string;
}

/** Ways to rent; `listed` is a price of which no contract was named. */
export const RENTALS = ['listed', 'onDemand', 'reserved', 'spot'] as const;

/** Per device and hour, power and host included. */
export interface Rental extends Quoted {
  readonly kind: (typeof RENTALS)[number];
  /** Of the device-hours. */
  readonly share: Ratio;
  readonly hourly: Span<DollarsPerHour>;
}

/** Bought, and fed with power: see `price.ts` for what an hour of it costs. */
export interface Ownership extends Quoted {
  readonly kind: 'owned';
  readonly share: Ratio;
  /** Of a device with its part of the host, the network and the building. */
  readonly capital: Span<Dollars>;
  /** Until it is worth nothing. */
  readonly years: number;
  /** What energy costs. */
  readonly power: Span<DollarsPerJoule>;
  /** Staff, repairs and space of a year, as a share of the capital. */
  readonly upkeep: Figure<Ratio>;
  /** Share of all hours in which the device works; the others are paid for as well. */
  readonly busy: Figure<Ratio>;
}

/** One of the ways in which device-hours are paid for. */
export type Payment = Rental | Ownership;

export interface Cluster {
  readonly name: string;
  readonly accelerator: Accelerator;
  /** Devices that share a host. */
  readonly devicesPerNode: number;
  /** Processor cores of a node, on which its devices are threads; null: each device is a processor of its own. */
  readonly cores: Figure<number> | null;
  /** Until a thread that waits for a message goes on with it, where threads share cores; null: no time. */
  readonly wake: Figure<Seconds> | null;
  /** Devices that reach each other over `scaleUp`: 8 in a DGX, 72 in an NVL72 rack; a multiple of the node. */
  readonly scaleUpDomain: number;
  readonly scaleUp: Link;
  /** The network between domains, per device (the node's NICs divided by its devices). */
  readonly nic: Link;
  /** Null: nobody says how the nodes are wired. */
  readonly fabric: FabricPlan | null;
  /** NICs of a node, each on a rail of its own. */
  readonly rails: Figure<number>;
  readonly pcie: Link;
  /** Of a node. */
  readonly hostMemory: Figure<Bytes>;
  /** Per device: the node's, shared by its devices. */
  readonly hostMemoryBandwidth: Figure<BytesPerSecond>;
  /** Of each device: what a framework and its libraries hold of its memory beside tensors. */
  readonly runtimeMemory: Figure<Bytes>;
  /** Capacity of a node; bandwidth per device. */
  readonly ssd: { readonly capacity: Figure<Bytes>; readonly bandwidth: Figure<BytesPerSecond> };
  /** How device-hours are paid for; the shares add up to one. Empty where nobody said: then no dollars are promised. */
  readonly price: readonly Payment[];
  /** Host, switches and fans: power per device beside the card's own. */
  readonly hostPower: Figure<Watts>;
  /** Power usage effectiveness of the data centre. */
  readonly pue: Figure<Ratio>;
  /** What the cluster's collective library has beside rings. */
  readonly collectives: readonly CollectiveAlgorithm[];
  /** The best published MFU (model FLOPs, full attention) of a large run on this card, to judge predictions by. */
  readonly bestMfu: Figure<Ratio> | null;
}
