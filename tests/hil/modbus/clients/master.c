/* A libmodbus master: a meter by function 4, a marker by function 3, a limit written by 6 and 16, a coil by 5 and 1. */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void check(int done, const char *what)
{
    if (done < 0) {
        fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    uint16_t words[64];
    uint8_t coil = 9;
    modbus_t *master = modbus_new_tcp("127.0.0.1", argc > 1 ? atoi(argv[1]) : 502);

    check(modbus_connect(master), "connect");
    check(modbus_set_slave(master, 1), "unit 1");
    check(modbus_read_input_registers(master, 0x34, 2, words), "power");
    printf("power_w %.9g\n", modbus_get_float_abcd(words));
    check(modbus_read_input_registers(master, 0x48, 2, words), "energy");
    printf("energy_kwh %.9g\n", modbus_get_float_abcd(words));
    check(modbus_set_slave(master, 2), "unit 2");
    check(modbus_read_registers(master, 40000, 2, words), "marker");
    printf("marker %04x%04x\n", words[0], words[1]);
    check(modbus_set_slave(master, 3), "unit 3");
    check(modbus_write_register(master, 0, 300), "limit by 6");
    words[0] = 250;
    check(modbus_write_registers(master, 0, 1, words), "limit by 16");
    check(modbus_read_registers(master, 0, 1, words), "limit");
    printf("limit %u\n", words[0]);
    check(modbus_write_bit(master, 0, 0), "coil by 5");
    check(modbus_read_bits(master, 0, 1, &coil), "coil");
    printf("coil %u\n", coil);
    printf("refused %d\n", modbus_write_register(master, 0, 60000) < 0 && errno == EMBXILVAL);
    modbus_close(master);
    modbus_free(master);
    return 0;
}
