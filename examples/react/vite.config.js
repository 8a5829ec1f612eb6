// In development the page comes from Vite, tickets and the socket from server.mjs behind it. Written out, since the short
// form of a proxy changes the Host header: a ticket would then lead past Vite, to a node that refuses the page.
const target = `http://localhost:${process.env.PORT ?? 3000}`
export default { server: { proxy: { '/ticket': { target }, '/rtms': { target, ws: true } } } }
