// In development the pages come from Vite and the tickets from server.mjs.
export default { server: { proxy: { '/ticket': 'http://localhost:3000' } } }
