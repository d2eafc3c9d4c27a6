// The mock of the pinning service's authors (ipfs-shipyard), on loopback alone: its own program listens everywhere.
const http = require("http")
const { setup } = require("mock-ipfs-pinning-service")

setup({ token: process.env.PINNING_TOKEN, loglevel: "error" }).then((service) => {
  const server = http.createServer(service).listen(0, "127.0.0.1", () => console.log("port", server.address().port))
})
