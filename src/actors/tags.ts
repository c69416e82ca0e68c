/** What messages between actors are told apart by: ranges of tags that no two kinds of message share. */
import { COLLECTIVE_TAGS } from '../collectives/ring.ts';

/** Activations and their gradients between stages count up from here, behind the tags of collectives on the same ranks. */
export const CROSSING_TAGS = COLLECTIVE_TAGS;
/** The gradient of a tied table, between the two stages that have it. */
export const TIED_TAG = -1;
/** A rank's report that its step is done, and the supervisor's word on whether there is another. */
export const REPORT_TAG = -2;
export const WORD_TAG = -3;
/** Gradients of chunks that are held twice count down from here. */
export const MIRROR_TAGS = -4;
