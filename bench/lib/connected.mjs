/** Resolves once a client of the library is connected. */
export const connected = (client) =>
  new Promise((resolve) => {
    const forget = client.onState((state) => {
      if (state !== 'connected') return
      forget()
      resolve()
    })
  })
