// A jsmodbus master: what master.c does.
const net = require('net')
const modbus = require('jsmodbus')

const socket = net.createConnection({ host: '127.0.0.1', port: Number(process.argv[2]) })
const unit = (id) => new modbus.client.TCP(socket, id)
const meter = unit(1), sunspec = unit(2), pile = unit(3)
const words = (answer) => answer.response.body.valuesAsBuffer

async function main() {
  console.log('power_w', words(await meter.readInputRegisters(0x34, 2)).readFloatBE(0))
  console.log('energy_kwh', words(await meter.readInputRegisters(0x48, 2)).readFloatBE(0))
  console.log('marker', words(await sunspec.readHoldingRegisters(40000, 2)).toString('hex'))
  await pile.writeSingleRegister(0, 300)
  await pile.writeMultipleRegisters(0, [250])
  console.log('limit', words(await pile.readHoldingRegisters(0, 1)).readUInt16BE(0))
  await pile.writeSingleCoil(0, false)
  console.log('coil', (await pile.readCoils(0, 1)).response.body.valuesAsArray[0])
  const refusal = await pile.writeSingleRegister(0, 60000).then(() => null, (error) => error)
  console.log('refused', Number(refusal !== null && refusal.response.body.code === 3))
}

socket.on('error', (error) => { console.error(error); process.exit(1) })
socket.on('connect', () => main().then(() => socket.end(), (error) => { console.error(error); process.exit(1) }))
