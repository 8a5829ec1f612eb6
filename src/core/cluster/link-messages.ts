/** The first byte of a message on a link: the part of the node that it is for. */
export const linkMessages = { mesh: 1, questions: 2, homes: 3 } as const
